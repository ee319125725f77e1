/*
 * Products of weight rows with a few rows of activations, four weight rows at a time: what generating a token needs.
 * Bound by reading the weights, so they are asked for ahead of time.
 *
 * The integer sum of a block is exact; then result = fma(scale of the weight * scale of x, sum, result), block after
 * block. The panels of panel.h do the same, so results agree bit for bit.
 */
#ifndef JUGGLER_DECODE_H
#define JUGGLER_DECODE_H

#include "rows.h"
#include "unpack.h"

/* Weight rows that are read together, and rows of x that share what is taken out of a weight. */
enum { DECODE_ROWS = 4, TILE_X = 4 };

/* How far ahead weights are asked for. The machine does so by itself, but stops at the end of each page. */
enum { BYTES_AHEAD = 1024 };

INLINE void prefetch_block(const uint8_t *p, int bytes) {
    for (int i = 0; i < bytes; i += 64) {
        prefetch(p + i);
    }
}

/* A row of x as these kernels read it. */
struct x_parts {
    const uint8_t *bytes;
    const float *scales;
    const int16_t *sums16, *sums32;
};

INLINE struct x_parts parts_of(const uint8_t *x, int columns) {
    const int64_t padded = whole(columns, CHUNK);
    return (struct x_parts){
        x,
        (const float *)(const void *)(x + scales_at(padded)),
        (const int16_t *)(const void *)(x + sums16_at(padded)),
        (const int16_t *)(const void *)(x + sums32_at(padded)),
    };
}

/* The integer sums of a block of 256 with M rows of x, spread over the lanes. */
INLINE void block_sums(const int type, const int m_count, const uint8_t *p, const struct x_parts *x, int block,
                       int16_t *minimums, i32x8 *sums) {
    int16_t scales[16];
    inner_scales(type, p, scales, minimums);
    const struct scales in_order = scale_run(type) == 32 ? scales_of_32(scales) : scales_of_16(scales);
#pragma GCC unroll 4
    for (int m = 0; m < m_count; m++) {
        sums[m] = (i32x8){0};
    }
#pragma GCC unroll 8
    for (int run = 0; run < RUNS; run++) {
        u8x32 c = codes(type, p, run);
        run_scale scale = pick(in_order, run);
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
            i8x32 v = load_i8x32(x[m].bytes + block * CHUNK + run * RUN);
            products of_run = has_signed_codes(type) ? signed_products((i8x32)c, v) : code_products(c, v);
            sums[m] = add_scaled_products(sums[m], of_run, scale);
        }
    }
    if (code_offset(type) != 0) {
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
            i32x8 of_ones = add_products((i32x8){0}, load_i16x16(scales), load_i16x16(x[m].sums16 + block * 16));
            sums[m] -= of_ones * code_offset(type);
        }
    }
}

/* Four weight rows in blocks of 256, with M rows of x; unpacked first where `type` is not how they are stored. */
INLINE void decode_large(const int type, const int stored, const int m_count, const uint8_t *const *w, int columns,
                         const struct x_parts *x, f32x4 *results) {
    for (int block = 0; block < columns / CHUNK; block++) {
        int64_t at = (int64_t)block * block_bytes(stored);
        i32x8 sums[TILE_X][DECODE_ROWS];
        f32x4 scale = {0}, minimum = {0};
        if (!is_unpacked(type)) {
            const uint8_t *p[DECODE_ROWS] = {w[0] + at, w[1] + at, w[2] + at, w[3] + at};
            scales_of_four(type, p, &scale, &minimum);
        }
        i32x8 wide_minimums[TILE_X][DECODE_ROWS];
        i32x4 minimum_sums[TILE_X][DECODE_ROWS];
#pragma GCC unroll 4
        for (int r = 0; r < DECODE_ROWS; r++) {
            struct unpacked space;
            const uint8_t *p = unpacked(type, stored, w[r] + at, &space);
            int16_t minimums[16];
            i32x8 of_row[TILE_X];
            prefetch_block(w[r] + at + BYTES_AHEAD, block_bytes(stored));
            block_sums(type, m_count, p, x, block, minimums, of_row);
            if (is_unpacked(type)) {
                scale[r] = block_scale(type, p);
            }
            /* Rows of x are read again for the next weight row: held, they would fill the registers. */
            __asm__("" ::: "memory");
#pragma GCC unroll 4
            for (int m = 0; m < m_count; m++) {
                sums[m][r] = of_row[m];
                if (has_minimums(type) && scale_run(type) == 32) {
                    minimum_sums[m][r] = products8(minimums, x[m].sums32 + block * 8);
                } else if (has_minimums(type)) {
                    wide_minimums[m][r] =
                        add_products((i32x8){0}, load_i16x16(minimums), load_i16x16(x[m].sums16 + block * 16));
                }
            }
        }
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
            f32x4 x_scale = all4(x[m].scales[block]);
            results[m] = fma4(to_float4(sums_of_four(sums[m])), scale * x_scale, results[m]);
            if (has_minimums(type)) {
                i32x4 of_minimums =
                    scale_run(type) == 32 ? sums_of_four_short(minimum_sums[m]) : sums_of_four(wide_minimums[m]);
                results[m] = minus_fma4(to_float4(of_minimums), minimum * x_scale, results[m]);
            }
        }
    }
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

/* What two blocks' sums hold too much because of the offset of their codes. */
INLINE i32x8 offset_sums(const int type, const int16_t *x_sums) {
    if (type == MXFP4) {
        return two_shorts(x_sums, 8) + two_shorts(x_sums, 4); /* 12 */
    }
    return two_shorts(x_sums, code_offset(type));
}

/*
 * Two blocks of 32 of four rows whose codes are the halves of 16 bytes: a vector then holds a block in each of its
 * halves, which takes five instructions for what takes ten block by block.
 */
INLINE void decode_pair(const int type, const int m_count, const uint8_t *const *p, const struct x_parts *x,
                        int block, f32x4 *results) {
    i8x32 x_low[TILE_X], x_high[TILE_X];
    i32x8 sums[TILE_X][DECODE_ROWS];
#pragma GCC unroll 4
    for (int m = 0; m < m_count; m++) {
        const i8x32 first = load_i8x32(x[m].bytes + block * RUN), second = load_i8x32(x[m].bytes + (block + 1) * RUN);
        x_low[m] = low_halves(first, second);
        x_high[m] = high_halves(first, second);
    }
#pragma GCC unroll 4
    for (int r = 0; r < DECODE_ROWS; r++) {
        u8x32 low, high;
        codes_of_pair(type, p[r], &low, &high);
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
            sums[m][r] =
                has_signed_codes(type)
                    ? signed_quad_products((i8x32)low, x_low[m]) + signed_quad_products((i8x32)high, x_high[m])
                    : sums_of_products(code_products(low, x_low[m]) + code_products(high, x_high[m]));
        }
    }
    f32x4 scale[2], minimum[2];
    for (int i = 0; i < 2; i++) {
        const int64_t next = i * block_bytes(type);
        const uint8_t *at[DECODE_ROWS] = {p[0] + next, p[1] + next, p[2] + next, p[3] + next};
        scales_of_four(type, at, &scale[i], &minimum[i]);
    }
#pragma GCC unroll 4
    for (int m = 0; m < m_count; m++) {
        const int16_t *x_sums = x[m].sums32 + block;
        i32x8 sum = sums_of_four_halves(sums[m]);
        if (code_offset(type) != 0) {
            sum -= offset_sums(type, x_sums);
        }
        f32x4 sum_of[2];
        to_float_halves(sum, sum_of);
        for (int i = 0; i < 2; i++) {
            results[m] =
                add_block(type, results[m], sum_of[i], scale[i], minimum[i], x[m].scales[block + i], x_sums[i]);
        }
    }
}

/* One block of 32 of four rows. */
INLINE void decode_one(const int type, const int m_count, const uint8_t *const *p, const struct x_parts *x, int block,
                       f32x4 *results) {
    i32x8 sums[TILE_X][DECODE_ROWS];
#pragma GCC unroll 4
    for (int r = 0; r < DECODE_ROWS; r++) {
        u8x32 c = codes(type, p[r], 0);
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
            i8x32 v = load_i8x32(x[m].bytes + block * RUN);
            sums[m][r] = has_signed_codes(type) ? signed_quad_products((i8x32)c, v) : quad_products(c, v);
        }
    }
    f32x4 scale, minimum;
    scales_of_four(type, p, &scale, &minimum);
#pragma GCC unroll 4
    for (int m = 0; m < m_count; m++) {
        const int16_t x_sum = x[m].sums32[block];
        i32x4 sum = sums_of_four(sums[m]) - code_offset(type) * x_sum;
        results[m] = add_block(type, results[m], to_float4(sum), scale, minimum, x[m].scales[block], x_sum);
    }
}

/* Four weight rows in blocks of 32, with M rows of x. */
INLINE void decode_small(const int type, const int m_count, const uint8_t *const *w, int columns,
                         const struct x_parts *x, f32x4 *results) {
    const int blocks = columns / RUN;
    for (int block = 0; block < blocks; block += 2) {
        int64_t at = (int64_t)block * block_bytes(type);
        const uint8_t *p[DECODE_ROWS] = {w[0] + at, w[1] + at, w[2] + at, w[3] + at};
        for (int r = 0; r < DECODE_ROWS; r++) {
            prefetch(p[r] + BYTES_AHEAD);
        }
        const bool two = block + 1 < blocks;
        if (has_nibbles(type) && two) {
            decode_pair(type, m_count, p, x, block, results);
            continue;
        }
        decode_one(type, m_count, p, x, block, results);
        if (!has_nibbles(type) && two) {
            for (int r = 0; r < DECODE_ROWS; r++) {
                p[r] += block_bytes(type);
            }
            decode_one(type, m_count, p, x, block + 1, results);
        }
    }
}

/* results[m] = products of four weight rows with row m of M rows of x. */
INLINE void decode_rows(const int type, const int stored, const int m_count, const uint8_t *const *w, int columns,
                        const struct x_parts *x, f32x4 *results) {
    for (int m = 0; m < m_count; m++) {
        results[m] = (f32x4){0};
    }
    if (has_inner_scales(type)) {
        decode_large(type, stored, m_count, w, columns, x, results);
    } else {
        decode_small(type, m_count, w, columns, x, results);
    }
}

#endif
