/*
 * Rows of activations as products read them.
 *
 * Rounded rows, for weights of few rows: sixteen elements of a row are sixteen bytes, and 32 elements share a scale,
 * their largest magnitude / 127. A row is kp = k rounded up to 256 bytes, then kp / 32 scales, then for each 32 elements
 * the sums of its first and second sixteen bytes as two shorts: with them the offset and the shift of codes cost a
 * multiplication for sixteen elements instead of one for each.
 */
#ifndef JUGGLER_ACTIVATIONS_CUH
#define JUGGLER_ACTIVATIONS_CUH

#include "common.cuh"

enum { RUN = 32 };

__device__ __forceinline__ int64 whole(int64 count, int step) { return (count + step - 1) / step * step; }

struct RoundedRow {
    const byte *codes;
    const float *scales;
    const short *sums;

    __device__ __forceinline__ RoundedRow(const void *rows, int64 row, int64 padded)
        : codes((const byte *)rows + row * (padded + padded / 4)),
          scales((const float *)(codes + padded)),
          sums((const short *)(scales + padded / RUN)) {}
};

#endif
