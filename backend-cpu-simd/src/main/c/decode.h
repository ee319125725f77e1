/*
 * Products of weight rows with a single row of activations, four weight rows at a time: what generating one token needs.
 * Bound by reading the weights, so they are asked for ahead of time.
 *
 * The integer sum of a block is exact; then result = fma(scale of the weight * scale of x, sum, result), block after
 * block. The panels of panel.h do the same, so results agree bit for bit.
 */
#ifndef JUGGLER_DECODE_H
#define JUGGLER_DECODE_H

#include "formats.h"
#include "rows.h"

enum { DECODE_ROWS = 4 };

/* Weights that four rows later are wanted soon; of long rows, those a kilobyte ahead. */
INLINE int64_t bytes_ahead(int64_t row_bytes) {
    return row_bytes <= 2304 ? DECODE_ROWS * row_bytes : 1024;
}

INLINE void prefetch_block(const uint8_t *p, int bytes) {
    for (int i = 0; i < bytes; i += 64) {
        prefetch(p + i);
    }
}

/* The integer sum of a block of 256, spread over the lanes. */
INLINE i32x8 block_sum(const int type, const uint8_t *p, const uint8_t *x, const int16_t *sums16, int16_t *minimums) {
    int16_t scales[16];
    inner_scales(type, p, scales, minimums);
    i32x8 sum = {0};
#pragma GCC unroll 8
    for (int run = 0; run < RUNS; run++) {
        u8x32 c = codes(type, p, run);
        i8x32 v = load_i8x32(x + run * RUN);
        i16x16 products = has_signed_codes(type) ? signed_pair_products((i8x32)c, v) : pair_products(c, v);
        i16x16 scale = scale_run(type) == 32 ? all_shorts(scales[run])
                                             : half_shorts(scales[2 * run], scales[2 * run + 1]);
        sum = add_products(sum, products, scale);
    }
    if (code_offset(type) != 0) {
        i32x8 of_ones = add_products((i32x8){0}, load_i16x16(scales), load_i16x16(sums16));
        sum -= of_ones * code_offset(type);
    }
    return sum;
}

/* Four rows in blocks of 256. */
INLINE f32x4 decode_large(const int type, const uint8_t *const *w, int columns, const uint8_t *x, int64_t ahead) {
    const int64_t padded = columns;
    const float *scales = (const float *)(const void *)(x + scales_at(padded));
    const int16_t *sums16 = (const int16_t *)(const void *)(x + sums16_at(padded));
    const int16_t *sums32 = (const int16_t *)(const void *)(x + sums32_at(padded));
    f32x4 result = {0};
    for (int block = 0; block < columns / CHUNK; block++) {
        int64_t at = (int64_t)block * block_bytes(type);
        i32x8 sums[DECODE_ROWS];
        f32x4 scale, minimum;
        i32x8 wide_minimums[DECODE_ROWS];
        i32x4 minimum_sums[DECODE_ROWS];
        for (int r = 0; r < DECODE_ROWS; r++) {
            const uint8_t *p = w[r] + at;
            int16_t minimums[16];
            prefetch_block(p + ahead, block_bytes(type));
            sums[r] = block_sum(type, p, x + block * CHUNK, sums16 + block * 16, minimums);
            scale[r] = block_scale(type, p);
            if (has_minimums(type)) {
                minimum[r] = block_minimum(type, p);
                if (scale_run(type) == 32) {
                    minimum_sums[r] = products8(minimums, sums32 + block * 8);
                } else {
                    wide_minimums[r] =
                        add_products((i32x8){0}, load_i16x16(minimums), load_i16x16(sums16 + block * 16));
                }
            }
        }
        f32x4 x_scale = all4(scales[block]);
        result = fma4(to_float4(sums_of_four(sums)), scale * x_scale, result);
        if (has_minimums(type)) {
            i32x4 of_minimums =
                scale_run(type) == 32 ? sums_of_four_short(minimum_sums) : sums_of_four(wide_minimums);
            result = minus_fma4(to_float4(of_minimums), minimum * x_scale, result);
        }
    }
    return result;
}

/* Four rows in blocks of 32. */
INLINE f32x4 decode_small(const int type, const uint8_t *const *w, int columns, const uint8_t *x, int64_t ahead) {
    const int64_t padded = whole(columns, CHUNK);
    const float *scales = (const float *)(const void *)(x + scales_at(padded));
    const int16_t *sums32 = (const int16_t *)(const void *)(x + sums32_at(padded));
    f32x4 result = {0};
    for (int block = 0; block < columns / RUN; block++) {
        int64_t at = (int64_t)block * block_bytes(type);
        const uint8_t *p[DECODE_ROWS] = {w[0] + at, w[1] + at, w[2] + at, w[3] + at};
        i32x8 sums[DECODE_ROWS];
        i8x32 v = load_i8x32(x + block * RUN);
        for (int r = 0; r < DECODE_ROWS; r++) {
            if (block % 2 == 0) {
                prefetch(p[r] + ahead);
            }
            u8x32 c = codes(type, p[r], 0);
            sums[r] = has_signed_codes(type) ? signed_quad_products((i8x32)c, v) : quad_products(c, v);
        }
        i32x4 sum = sums_of_four(sums) - code_offset(type) * sums32[block];
        f32x4 x_scale = all4(scales[block]);
        f32x4 scale = type == MXFP4 ? (f32x4){block_scale(type, p[0]), block_scale(type, p[1]),
                                              block_scale(type, p[2]), block_scale(type, p[3])}
                                    : halves4(p[0], p[1], p[2], p[3]);
        result = fma4(to_float4(sum), scale * x_scale, result);
        if (has_minimums(type)) {
            f32x4 minimum = halves4(p[0] + 2, p[1] + 2, p[2] + 2, p[3] + 2);
            result = fma4(all4(sums32[block]), minimum * x_scale, result);
        }
    }
    return result;
}

INLINE f32x4 decode_rows(const int type, const uint8_t *const *w, int columns, const uint8_t *x, int64_t ahead) {
    return has_inner_scales(type) ? decode_large(type, w, columns, x, ahead)
                                  : decode_small(type, w, columns, x, ahead);
}

#endif
