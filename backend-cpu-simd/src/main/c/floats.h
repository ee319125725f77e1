/*
 * Products of weights that are stored as floats, in F32. Element k of a dot product goes to partial sum k % 16, in
 * rising order of k, by a fused multiply-add; then halves are added until one sum is left. The Java kernels do the same,
 * so results agree bit for bit.
 */
#ifndef JUGGLER_FLOATS_H
#define JUGGLER_FLOATS_H

#include "rows.h"
#include "vectors.h"

/* Weight rows and rows of x that are multiplied together: eight vectors of sums, two rows' weights, one of x. */
enum { FLOAT_ROWS = 2, FLOAT_X = 2 };

INLINE f32x8 load_floats(const int type, const uint8_t *p) {
    switch (type) {
    case F16: return halves8(p);
    case BF16: return brains8(p);
    default: return load_f32x8(p);
    }
}

/* out[r][m] for r_count weight rows and m_count rows of x. */
INLINE void float_tile(const int type, const int r_count, const int m_count, const uint8_t *const *w, int columns,
                       const float *const *x, float out[FLOAT_ROWS][FLOAT_X]) {
    const int size = block_bytes(type);
    f32x8 low[FLOAT_ROWS][FLOAT_X] = {0}, high[FLOAT_ROWS][FLOAT_X] = {0};
    int k = 0;
    for (; k + LANES <= columns; k += LANES) {
#pragma GCC unroll 2
        for (int r = 0; r < r_count; r++) {
            f32x8 a = load_floats(type, w[r] + (int64_t)k * size), b = load_floats(type, w[r] + (int64_t)(k + 8) * size);
            prefetch(w[r] + (int64_t)k * size + 1024);
#pragma GCC unroll 2
            for (int m = 0; m < m_count; m++) {
                low[r][m] = fma8(a, load_f32x8(x[m] + k), low[r][m]);
                high[r][m] = fma8(b, load_f32x8(x[m] + k + 8), high[r][m]);
            }
        }
    }
    for (int r = 0; r < r_count; r++) {
        if (k < columns) {
            uint8_t last[LANES * 4] = {0};
            memcpy(last, w[r] + (int64_t)k * size, (size_t)(columns - k) * (size_t)size);
            for (int m = 0; m < m_count; m++) {
                low[r][m] = fma8(load_floats(type, last), load_f32x8(x[m] + k), low[r][m]);
                high[r][m] = fma8(load_floats(type, last + 8 * size), load_f32x8(x[m] + k + 8), high[r][m]);
            }
        }
        for (int m = 0; m < m_count; m++) {
            out[r][m] = sum_of(low[r][m] + high[r][m]);
        }
    }
}

#endif
