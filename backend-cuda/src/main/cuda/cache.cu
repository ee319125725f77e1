/* Writes rows to the cache of keys and values, and reads them back. */
#include "cache.cuh"

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
