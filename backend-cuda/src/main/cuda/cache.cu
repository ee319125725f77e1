/* Writes rows to the cache of keys and values, and reads them back. */
#include "cache.cuh"

/* One element of a row; Q8_0: all lanes of a warp come, and their 32 elements are a block. */
template <int TYPE>
__device__ __forceinline__ void store_element(byte *row, int64 column, bool is_inside, float value) {
    if (TYPE == TYPE_Q8_0) {
        const float most = warp_max(is_inside ? fabsf(value) : 0.0f), scale = most / 127.0f;
        const float code = scale == 0.0f ? 0.0f : value * (1.0f / scale);
        if (is_inside) {
            byte *block = row + column / 32 * 34;
            /* Halves round away from zero; the clamp matters where the scale is subnormal. */
            const float rounded = truncf(fminf(fmaxf(code + copysignf(0.5f, code), -127.5f), 127.5f));
            block[2 + column % 32] = (byte)(signed char)__float2int_rn(rounded);
            if (lane_of_thread() == 0) {
                *(unsigned short *)block = float_to_half(value != value ? value : scale);
            }
        }
    } else if (is_inside && TYPE == TYPE_F32) {
        ((float *)row)[column] = value;
    } else if (is_inside) {
        ((unsigned short *)row)[column] = TYPE == TYPE_F16 ? float_to_half(value) : float_to_brain(value);
    }
}

template <int TYPE>
__device__ __forceinline__ void append(byte *cache, const float *x, const int *slots, int rows, int width, int64 places) {
    const int64 column = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    for (int64 r = blockIdx.y; r < rows; r += gridDim.y) {
        const int slot = slots[r];
        if (slot >= 0 && slot < places) {
            const bool is_inside = column < width;
            store_element<TYPE>(cache + slot * cached_row_bytes<TYPE>(width), column, is_inside,
                                is_inside ? x[r * width + column] : 0.0f);
        }
    }
}

/* Row r of x to row slots[r] of the cache, in its type. grid = (ceil(width / 256), rows), block = 256. */
extern "C" __global__ void append_kv(void *cache, const float *x, const int *slots, int rows, int width, int64 places,
                                     int type) {
    WITH_CACHE_TYPE(type, append, (byte *)cache, x, slots, rows, width, places)
}
EXPORT_KERNEL(append_kv)

template <int TYPE>
__device__ __forceinline__ void read(float *out, const byte *cache, const int *pages, const int *starts, int sequences,
                                     int page_size, int width, int64 positions) {
    const int64 column = (int64)blockIdx.x * blockDim.x + threadIdx.x;
    int sequence = 0;
    for (int64 row = blockIdx.y; row < positions && column < width; row += gridDim.y) {
        while (sequence + 1 < sequences && row >= starts[2 * (sequence + 1)]) {
            sequence++;
        }
        const int position = (int)(row - starts[2 * sequence]);
        const int64 page = pages[starts[2 * sequence + 1] + position / page_size];
        const byte *stored = cache + (page * page_size + position % page_size) * cached_row_bytes<TYPE>(width);
        out[row * width + column] = page >= 0 ? cached_element<TYPE>(stored, (int)column) : 0.0f;
    }
}

/*
 * The rows of all positions of all sequences, one after the other. starts: for each sequence its first row of out and
 * where its pages begin. grid = (ceil(width / 256), positions), block = 256.
 */
extern "C" __global__ void read_keys(float *out, const void *cache, const int *pages, const int *starts, int sequences,
                                     int page_size, int width, int64 positions, int type) {
    WITH_CACHE_TYPE(type, read, out, (const byte *)cache, pages, starts, sequences, page_size, width, positions)
}
EXPORT_KERNEL(read_keys)
