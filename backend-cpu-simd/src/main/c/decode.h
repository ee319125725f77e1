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

/* Weights that are asked for: those of the four rows that follow. Of the same rows the machine asks by itself, too late. */
INLINE int64_t bytes_ahead(int64_t row_bytes) { return DECODE_ROWS * row_bytes; }

INLINE void prefetch_block(const uint8_t *p, int bytes) {
    for (int i = 0; i < bytes; i += 64) {
        prefetch(p + i);
    }
}

/* The integer sum of a block of 256, spread over the lanes. */
INLINE i32x8 block_sum(const int type, const uint8_t *p, const uint8_t *x, const int16_t *sums16, int16_t *minimums) {
    int16_t scales[16];
    inner_scales(type, p, scales, minimums);
    const struct scales in_order = scale_run(type) == 32 ? scales_of_32(scales) : scales_of_16(scales);
    i32x8 sum = {0};
#pragma GCC unroll 8
    for (int run = 0; run < RUNS; run++) {
        u8x32 c = codes(type, p, run);
        i8x32 v = load_i8x32(x + run * RUN);
        i16x16 products = has_signed_codes(type) ? signed_pair_products((i8x32)c, v) : pair_products(c, v);
        sum = add_products(sum, products, pick(in_order, run));
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
#pragma GCC unroll 4
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

/* scale * sum + minimum * sum of x, added to the results of four rows. */
INLINE f32x4 add_block(const int type, f32x4 result, f32x4 sum, f32x4 scale, f32x4 minimum, float x_scale,
                       int16_t x_sum) {
    result = fma4(sum, scale * all4(x_scale), result);
    if (has_minimums(type)) {
        result = fma4(all4(x_sum), minimum * all4(x_scale), result);
    }
    return result;
}

/*
 * Two blocks of 32 of four rows whose codes are the halves of 16 bytes: a vector then holds a block in each of its
 * halves, which takes five instructions for what takes ten block by block.
 */
INLINE f32x4 decode_pair(const int type, const uint8_t *const *p, const uint8_t *x, const float *scales,
                         const int16_t *sums32, f32x4 result) {
    const i8x32 x_first = load_i8x32(x), x_second = load_i8x32(x + RUN);
    const i8x32 x_low = low_halves(x_first, x_second), x_high = high_halves(x_first, x_second);
    i32x8 sums[DECODE_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < DECODE_ROWS; r++) {
        u8x32 low, high;
        codes_of_pair(type, p[r], &low, &high);
        sums[r] = has_signed_codes(type)
                      ? signed_quad_products((i8x32)low, x_low) + signed_quad_products((i8x32)high, x_high)
                      : sums_of_pairs(pair_products(low, x_low) + pair_products(high, x_high));
    }
    i32x8 sum = sums_of_four_halves(sums);
    if (code_offset(type) != 0) {
        sum -= two_ints(code_offset(type) * sums32[0], code_offset(type) * sums32[1]);
    }
    const int next = block_bytes(type);
    f32x4 sum_of[2];
    to_float_halves(sum, sum_of);
    for (int i = 0; i < 2; i++) {
        const uint8_t *at[DECODE_ROWS] = {p[0] + i * next, p[1] + i * next, p[2] + i * next, p[3] + i * next};
        result = add_block(type, result, sum_of[i], scales_of_four(type, at), minimums_of_four(type, at), scales[i],
                           sums32[i]);
    }
    return result;
}

/* One block of 32 of four rows. */
INLINE f32x4 decode_one(const int type, const uint8_t *const *p, const uint8_t *x, const float *scales,
                        const int16_t *sums32, f32x4 result) {
    const i8x32 v = load_i8x32(x);
    i32x8 sums[DECODE_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < DECODE_ROWS; r++) {
        u8x32 c = codes(type, p[r], 0);
        sums[r] = has_signed_codes(type) ? signed_quad_products((i8x32)c, v) : quad_products(c, v);
    }
    i32x4 sum = sums_of_four(sums) - code_offset(type) * *sums32;
    return add_block(type, result, to_float4(sum), scales_of_four(type, p), minimums_of_four(type, p), *scales,
                     *sums32);
}

/* Four rows in blocks of 32. */
INLINE f32x4 decode_small(const int type, const uint8_t *const *w, int columns, const uint8_t *x, int64_t ahead) {
    const int64_t padded = whole(columns, CHUNK);
    const float *scales = (const float *)(const void *)(x + scales_at(padded));
    const int16_t *sums32 = (const int16_t *)(const void *)(x + sums32_at(padded));
    const int blocks = columns / RUN;
    f32x4 result = {0};
    for (int block = 0; block < blocks; block += 2) {
        int64_t at = (int64_t)block * block_bytes(type);
        const uint8_t *p[DECODE_ROWS] = {w[0] + at, w[1] + at, w[2] + at, w[3] + at};
        for (int r = 0; r < DECODE_ROWS; r++) {
            prefetch(p[r] + ahead);
        }
        if (has_nibbles(type) && block + 1 < blocks) {
            result = decode_pair(type, p, x + block * RUN, scales + block, sums32 + block, result);
            continue;
        }
        result = decode_one(type, p, x + block * RUN, scales + block, sums32 + block, result);
        if (!has_nibbles(type) && block + 1 < blocks) {
            for (int r = 0; r < DECODE_ROWS; r++) {
                p[r] += block_bytes(type);
            }
            result = decode_one(type, p, x + (block + 1) * RUN, scales + block + 1, sums32 + block + 1, result);
        }
    }
    return result;
}

INLINE f32x4 decode_rows(const int type, const uint8_t *const *w, int columns, const uint8_t *x, int64_t ahead) {
    return has_inner_scales(type) ? decode_large(type, w, columns, x, ahead)
                                  : decode_small(type, w, columns, x, ahead);
}

#endif
