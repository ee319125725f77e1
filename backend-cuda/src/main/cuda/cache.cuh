/* How keys and values lie in pages: rows of F32, F16, BF16 or Q8_0; slot s is row s % page_size of page s / page_size. */
#ifndef JUGGLER_CACHE_CUH
#define JUGGLER_CACHE_CUH

#include "formats.cuh"

template <int TYPE>
__device__ __forceinline__ int64 cached_row_bytes(int width) {
    return TYPE == TYPE_F32 ? 4ll * width : TYPE == TYPE_Q8_0 ? (int64)(width / 32) * 34 : 2ll * width;
}

/* Element `index` of a row. Caches are aligned to their elements. */
template <int TYPE>
__device__ __forceinline__ float cached_element(const byte *row, int index) {
    if (TYPE == TYPE_F32) {
        return ((const float *)row)[index];
    }
    if (TYPE == TYPE_Q8_0) {
        const byte *block = row + (int64)(index / 32) * 34;
        return half_to_float(*(const unsigned short *)block) * (float)(signed char)block[2 + index % 32];
    }
    const unsigned short bits = ((const unsigned short *)row)[index];
    return TYPE == TYPE_F16 ? half_to_float(bits) : brain_to_float(bits);
}

/* Writes one element of a row; Q8_0: all lanes of a warp come, and their 32 elements are a block. */
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

/* Calls FUNCTION<type>(...) for a type that is known at run time. */
#define WITH_CACHE_TYPE(type, FUNCTION, ...)                      \
    switch (type) {                                               \
    case TYPE_F32: FUNCTION<TYPE_F32>(__VA_ARGS__); break;        \
    case TYPE_F16: FUNCTION<TYPE_F16>(__VA_ARGS__); break;        \
    case TYPE_BF16: FUNCTION<TYPE_BF16>(__VA_ARGS__); break;      \
    case TYPE_Q8_0: FUNCTION<TYPE_Q8_0>(__VA_ARGS__); break;      \
    }

#endif
