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

/* Calls FUNCTION<type>(...) for a type that is known at run time. */
#define WITH_CACHE_TYPE(type, FUNCTION, ...)                      \
    switch (type) {                                               \
    case TYPE_F32: FUNCTION<TYPE_F32>(__VA_ARGS__); break;        \
    case TYPE_F16: FUNCTION<TYPE_F16>(__VA_ARGS__); break;        \
    case TYPE_BF16: FUNCTION<TYPE_BF16>(__VA_ARGS__); break;      \
    case TYPE_Q8_0: FUNCTION<TYPE_Q8_0>(__VA_ARGS__); break;      \
    }

#endif
