/*
 * Products of weight rows with many rows of activations: what reading a prompt needs.
 *
 * A panel is a chunk of 256 columns of PANEL_ROWS weight rows, taken apart once: each 32-bit lane belongs to a weight
 * row and holds four of its codes, so that four bytes of an activation, copied to all lanes, are multiplied with all
 * rows at once and no sum runs across lanes. The panel stays in the L1 cache while all rows of x pass.
 *
 * Byte products of x86 want one unsigned factor. It is the code where codes are unsigned; else it is x + 128, and sums do not
 * start at zero but at -128 times the sum of the codes. Sums may leave their range on the way: they wrap around, and what counts is that
 * the sum without the 128 fits. Codes beyond 64 are widened to shorts, and x with them, two columns in a lane: their byte products would
 * fit no sum, and moving the sign from one factor to the other costs more.
 */
#ifndef JUGGLER_PANEL_H
#define JUGGLER_PANEL_H

#include "rows.h"
#include "unpack.h"

/*
 * Weight rows in a panel; rows of x that are multiplied with it together: on x86 eight sums in registers, for which six
 * numbers are read at each step. And the rows of x that are held against a panel before the next ones.
 */
enum { PANEL_ROWS = PANEL_VECTORS * PANEL_LANES, TILE = 4, MOST_X = 128 };

enum factors { BOTH_SIGNED, CODE_UNSIGNED, X_UNSIGNED, WIDENED };

struct panel {
    uint8_t codes[PANEL_CODE_BYTES * CHUNK * PANEL_ROWS];
    panel_partial starts[CHUNK / 8][PANEL_VECTORS]; /* of the sums of each few steps */
    int32_t scales[16 * PANEL_ROWS];   /* inner scales, twice in each lane */
    int32_t minimums[8 * PANEL_ROWS];  /* pairs of inner minimums */
    float scale[RUNS * PANEL_ROWS];    /* of blocks */
    float minimum[RUNS * PANEL_ROWS];
    struct unpacked blocks[PANEL_ROWS]; /* of types that are unpacked first */
};

INLINE enum factors factors_of(int type) {
#if defined(PANEL_TAKES_SIGNED)
    (void)type;
    return BOTH_SIGNED;
#endif
    if (has_minimums(type)) {
        return CODE_UNSIGNED;
    }
#if !defined(PANEL_SUMS_FOURS)
    if (largest_code(type) > 64) {
        return WIDENED;
    }
#endif
    return X_UNSIGNED;
}

/* Columns of a step, whose codes are in one lane. */
INLINE int step_columns(int type) { return factors_of(type) == WIDENED ? 2 : 4; }

/* Bytes of a column of a panel. */
INLINE int column_bytes(int type) { return 4 / step_columns(type) * PANEL_ROWS; }

/* Steps whose products can be added before the sum must be widened or scaled. */
INLINE int steps_of(int type) {
    int most = scale_run(type) / step_columns(type);
#if !defined(PANEL_SUMS_FOURS)
    while (factors_of(type) != WIDENED && most * 2 * largest_code(type) * 127 > INT16_MAX) {
        most /= 2;
    }
#endif
    return most;
}

/* Sums of a panel with the rows of a tile, or anything else of each pair of them. */
struct sums {
    panel_ints of[TILE][PANEL_VECTORS];
};

INLINE panel_partial add_step(const int type, panel_partial sum, panel_codes codes, panel_codes x) {
    switch (factors_of(type)) {
    case X_UNSIGNED: return panel_step(sum, x, codes);
#if !defined(PANEL_SUMS_FOURS)
    case WIDENED: return panel_pairs(sum, codes, x);
#endif
    default: return panel_step(sum, codes, x);
    }
}

/* Adds the sum of a few steps, times their scales where those are given. */
INLINE panel_ints add_scaled_steps(const int type, panel_ints sum, panel_partial partial, const int32_t *scale_pairs) {
#if !defined(PANEL_SUMS_FOURS)
    if (factors_of(type) == WIDENED) {
        return scale_pairs ? panel_wide_scaled(sum, partial, panel_load_ints(scale_pairs)) : panel_wide_unscaled(sum, partial);
    }
#else
    (void)type;
#endif
    return scale_pairs ? panel_scaled(sum, partial, panel_load_ints(scale_pairs)) : panel_unscaled(sum, partial);
}

/*
 * Adds the products of one run of equal scale with M rows of x to their sums. Codes and x are kept in registers: left to
 * itself gcc reads the codes again for each row of x, and there are fewer ports to read than to multiply.
 */
INLINE void panel_run(const int type, const int m_count, const uint8_t *codes, const panel_partial (*starts)[PANEL_VECTORS],
                      const int32_t *scale_pairs, const uint8_t *const *x, struct sums *sums) {
    const int steps = steps_of(type), all = scale_run(type) / step_columns(type);
#pragma GCC unroll 8
    for (int first = 0; first < all; first += steps) {
        panel_partial partial[TILE][PANEL_VECTORS];
        for (int m = 0; m < m_count; m++) {
            for (int v = 0; v < PANEL_VECTORS; v++) {
                partial[m][v] = factors_of(type) == X_UNSIGNED ? starts[first / steps][v] : panel_zero();
            }
        }
#pragma GCC unroll 16
        for (int g = first; g < first + steps; g++) {
            panel_codes c[PANEL_VECTORS];
            for (int v = 0; v < PANEL_VECTORS; v++) {
                c[v] = panel_kept(panel_load(codes + (g * PANEL_VECTORS + v) * 4 * PANEL_LANES));
            }
#pragma GCC unroll 4
            for (int m = 0; m < m_count; m++) {
                panel_codes four = panel_kept(broadcast4(x[m] + 4 * g));
#pragma GCC unroll 4
                for (int v = 0; v < PANEL_VECTORS; v++) {
                    partial[m][v] = add_step(type, partial[m][v], c[v], four);
                }
            }
        }
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
#pragma GCC unroll 4
            for (int v = 0; v < PANEL_VECTORS; v++) {
                sums->of[m][v] = add_scaled_steps(type, sums->of[m][v], partial[m][v],
                                                  scale_pairs ? scale_pairs + v * PANEL_LANES : NULL);
            }
        }
    }
}

INLINE void clear(const int m_count, struct sums *sums) {
    for (int m = 0; m < m_count; m++) {
        for (int v = 0; v < PANEL_VECTORS; v++) {
            sums->of[m][v] = panel_zero();
        }
    }
}

/* Where the sums of a run start that begins at a column. */
INLINE const panel_partial (*starts_of(const int type, const struct panel *panel, int column))[PANEL_VECTORS] {
    return &panel->starts[column / (steps_of(type) * step_columns(type))];
}

/* Bytes of a column of x. */
INLINE int x_bytes(int type) { return factors_of(type) == WIDENED ? 2 : 1; }

/* Sums of a block of 256 with M rows of x. */
INLINE void panel_block(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                        struct sums *sums) {
    const int run = scale_run(type);
    clear(m_count, sums);
#pragma GCC unroll 1
    for (int i = 0; i < CHUNK / run; i++) {
        const uint8_t *at[TILE];
        for (int m = 0; m < m_count; m++) {
            at[m] = x[m] + i * run * x_bytes(type);
        }
        panel_run(type, m_count, panel->codes + i * run * column_bytes(type), starts_of(type, panel, i * run),
                  panel->scales + i * PANEL_ROWS, at, sums);
    }
}

/* Eight rows' codes of one run, four columns in each lane: to their places in the panel. */
INLINE void store_codes(const int type, struct panel *panel, int run, int row, const u8x32 *v) {
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        uint8_t *at = panel->codes + (run * RUN + 4 * g) * column_bytes(type) + 4 * row;
#if !defined(PANEL_SUMS_FOURS)
        if (factors_of(type) == WIDENED) {
            i16x16 first = low_shorts(v[g]), second = high_shorts(v[g]);
            memcpy(at, &first, sizeof first);
            memcpy(at + 4 * PANEL_ROWS, &second, sizeof second);
            continue;
        }
#endif
        memcpy(at, &v[g], sizeof v[g]);
    }
}

/* Puts the inner scales of blocks of 256 into the lanes of their rows. */
INLINE void fill_scales(const int type, struct panel *panel, const uint8_t *const *w) {
    const int pairs = CHUNK / scale_run(type) / 2;
    _Alignas(32) int16_t scales[PANEL_ROWS][16], minimums[PANEL_ROWS][16];
    for (int r = 0; r < PANEL_ROWS; r++) {
        inner_scales(type, w[r], scales[r], minimums[r]);
        panel->scale[r] = block_scale(type, w[r]);
        if (has_minimums(type)) {
            panel->minimum[r] = block_minimum(type, w[r]);
        }
    }
#pragma GCC unroll 1
    for (int eight = 0; eight < PANEL_ROWS; eight += 8) {
        u8x32 v[8];
#pragma GCC unroll 8
        for (int r = 0; r < 8; r++) {
            v[r] = load_u8x32(scales[eight + r]);
        }
        transpose8(v);
#pragma GCC unroll 8
        for (int i = 0; i < pairs; i++) {
            u32x8 two = (u32x8)v[i], first = (two << 16) | (two & 0xffff), second = (two >> 16) | (two & 0xffff0000u);
            memcpy(panel->scales + 2 * i * PANEL_ROWS + eight, &first, sizeof first);
            memcpy(panel->scales + (2 * i + 1) * PANEL_ROWS + eight, &second, sizeof second);
        }
        if (has_minimums(type)) {
#pragma GCC unroll 8
            for (int r = 0; r < 8; r++) {
                v[r] = load_u8x32(minimums[eight + r]);
            }
            transpose8(v);
#pragma GCC unroll 8
            for (int i = 0; i < pairs; i++) {
                memcpy(panel->minimums + i * PANEL_ROWS + eight, &v[i], sizeof v[i]);
            }
        }
    }
}

/* Puts the scales of `runs` blocks of 32 into the lanes of their rows. */
INLINE void fill_small_scales(const int type, struct panel *panel, const uint8_t *const *w, int runs) {
    for (int r = 0; r < PANEL_ROWS; r++) {
        for (int run = 0; run < runs; run++) {
            const uint8_t *p = w[r] + run * block_bytes(type);
            panel->scale[run * PANEL_ROWS + r] = block_scale(type, p);
            if (has_minimums(type)) {
                panel->minimum[run * PANEL_ROWS + r] = block_minimum(type, p);
            }
        }
    }
}

/* Sums start so that in the end they are without what comes in by x + 128. */
INLINE void fill_starts(const int type, struct panel *panel, int runs) {
    const int steps = steps_of(type);
    const panel_codes ones = panel_all(0x01010101);
    for (int i = 0; i < runs * RUN / 4 / steps; i++) {
        for (int v = 0; v < PANEL_VECTORS; v++) {
            panel_partial sum = panel_zero();
#pragma GCC unroll 8
            for (int g = i * steps; g < (i + 1) * steps; g++) {
                sum = add_step(type, sum, panel_load(panel->codes + (g * PANEL_VECTORS + v) * 4 * PANEL_LANES), ones);
            }
            panel->starts[i][v] = panel_times_minus_128(sum);
        }
    }
}

/* Takes apart `runs` runs of PANEL_ROWS weight rows, which start at w. */
INLINE void fill_panel(const int type, struct panel *panel, const uint8_t *const *w, int runs) {
    const u8x32 offset = (u8x32){0} + (uint8_t)code_offset(type);
#pragma GCC unroll 8
    for (int run = 0; run < RUNS; run++) {
        if (run < runs) {
#pragma GCC unroll 1
            for (int eight = 0; eight < PANEL_ROWS; eight += 8) {
                u8x32 v[8];
#pragma GCC unroll 8
                for (int r = 0; r < 8; r++) {
                    v[r] = codes(type, w[eight + r], run) - offset;
                }
                transpose8(v);
                store_codes(type, panel, run, eight, v);
            }
        }
    }
    if (has_inner_scales(type)) {
        fill_scales(type, panel, w);
    } else {
        fill_small_scales(type, panel, w, runs);
    }
    if (factors_of(type) == X_UNSIGNED) {
        fill_starts(type, panel, runs);
    }
}

INLINE const uint8_t *bytes_of(const int type, const uint8_t *x, int64_t padded) {
    return x + (factors_of(type) == X_UNSIGNED ? unsigned_at(padded) : signed_at());
}

/* The bytes of M rows of x of some runs, widened to shorts where that is how they are multiplied. */
INLINE void take_x(const int type, const int m_count, const uint8_t *const *x, int64_t padded, int chunk, int runs,
                   int16_t (*wide)[CHUNK], const uint8_t **at) {
    for (int m = 0; m < m_count; m++) {
        at[m] = bytes_of(type, x[m], padded) + chunk * CHUNK;
#if !defined(PANEL_SUMS_FOURS)
        if (factors_of(type) == WIDENED) {
#pragma GCC unroll 1
            for (int i = 0; i < runs * RUN; i += 16) {
                i16x16 shorts = widen_signed16(load_u8x16(at[m] + i));
                memcpy(wide[m] + i, &shorts, sizeof shorts);
            }
            at[m] = (const uint8_t *)wide[m];
        }
#else
        (void)runs;
        (void)wide;
#endif
    }
}

INLINE panel_floats x_scale_at(const uint8_t *x, int64_t padded, int block) {
    float scale;
    memcpy(&scale, x + scales_at(padded) + 4 * block, 4);
    return panel_all_floats(scale);
}

/* Sums of the minimums of a block of 256, each times the bytes of x that it belongs to. */
INLINE panel_ints minimum_sums(const int type, const struct panel *panel, int at, const uint8_t *x, int64_t padded,
                               int chunk) {
    const uint8_t *x_sums =
        scale_run(type) == 32 ? x + sums32_at(padded) + chunk * 16 : x + sums16_at(padded) + chunk * 32;
    panel_ints sum = panel_zero();
    for (int i = 0; i < CHUNK / scale_run(type) / 2; i++) {
        sum = panel_pairs(sum, panel_load_ints(panel->minimums + i * PANEL_ROWS + at), broadcast4(x_sums + 4 * i));
    }
    return sum;
}

/* Multiplies a panel of a block of 256 with M rows of x. */
INLINE void tile_large(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                       int64_t padded, int chunk, float *const *results) {
    const uint8_t *at[TILE];
    int16_t wide[TILE][CHUNK];
    struct sums sums;
    take_x(type, m_count, x, padded, chunk, RUNS, wide, at);
    panel_block(type, m_count, panel, at, &sums);
    for (int m = 0; m < m_count; m++) {
        panel_floats x_scale = x_scale_at(x[m], padded, chunk);
        for (int lane = 0; lane < PANEL_ROWS; lane += PANEL_LANES) {
            panel_floats result = panel_fma(panel_to_floats(sums.of[m][lane / PANEL_LANES]),
                                            panel_multiply(panel_load_floats(panel->scale + lane), x_scale),
                                            panel_load_floats(results[m] + lane));
            if (has_minimums(type)) {
                result = panel_minus_fma(panel_to_floats(minimum_sums(type, panel, lane, x[m], padded, chunk)),
                                         panel_multiply(panel_load_floats(panel->minimum + lane), x_scale), result);
            }
            panel_store_floats(results[m] + lane, result);
        }
    }
}

/* Multiplies a panel of up to eight blocks of 32 with M rows of x. */
INLINE void tile_small(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                       int64_t padded, int chunk, int runs, float *const *results) {
    const uint8_t *first[TILE];
    int16_t wide[TILE][CHUNK];
    take_x(type, m_count, x, padded, chunk, runs, wide, first);
#pragma GCC unroll 1
    for (int run = 0; run < runs; run++) {
        const uint8_t *at[TILE];
        struct sums sums;
        for (int m = 0; m < m_count; m++) {
            at[m] = first[m] + run * RUN * x_bytes(type);
        }
        clear(m_count, &sums);
        panel_run(type, m_count, panel->codes + run * RUN * column_bytes(type), starts_of(type, panel, run * RUN), NULL, at,
                  &sums);
        for (int m = 0; m < m_count; m++) {
            panel_floats x_scale = x_scale_at(x[m], padded, chunk * RUNS + run);
            for (int lane = 0; lane < PANEL_ROWS; lane += PANEL_LANES) {
                const int place = run * PANEL_ROWS + lane;
                panel_floats result =
                    panel_fma(panel_to_floats(sums.of[m][lane / PANEL_LANES]),
                              panel_multiply(panel_load_floats(panel->scale + place), x_scale),
                              panel_load_floats(results[m] + lane));
                if (has_minimums(type)) {
                    int16_t x_sum;
                    memcpy(&x_sum, x[m] + sums32_at(padded) + 2 * (chunk * RUNS + run), 2);
                    result = panel_fma(panel_all_floats(x_sum),
                                       panel_multiply(panel_load_floats(panel->minimum + place), x_scale), result);
                }
                panel_store_floats(results[m] + lane, result);
            }
        }
    }
}

INLINE void tile(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                 int64_t padded, int chunk, int runs, float *const *results) {
    if (has_inner_scales(type)) {
        tile_large(type, m_count, panel, x, padded, chunk, results);
    } else {
        tile_small(type, m_count, panel, x, padded, chunk, runs, results);
    }
}

/* Asks for the chunk that is taken apart next: `at` bytes into these rows, or the first of the next ones. */
INLINE void prefetch_chunk(const uint8_t *const *w, const uint8_t *next, int64_t row_bytes, int64_t at, int bytes) {
    for (int r = 0; r < PANEL_ROWS; r++) {
        const uint8_t *p = at >= 0 ? w[r] + at : next + r * row_bytes;
        for (int i = 0; i < bytes; i += 64) {
            prefetch(p + i);
        }
        prefetch(p + bytes - 1);
    }
}

/*
 * Multiplies PANEL_ROWS weight rows with up to MOST_X rows of x; results[j] are those of row j. Rows that follow are at
 * `next`. They are unpacked first where `type` is not how they are stored.
 */
INLINE void multiply_panel(const int type, const int stored, struct panel *panel, const uint8_t *const *w, const uint8_t *next,
                           int64_t row_bytes, int columns, const uint8_t *const *x, int x_count,
                           float (*results)[PANEL_ROWS]) {
    const int64_t padded = whole(columns, CHUNK);
    const int chunk_bytes = has_inner_scales(type) ? block_bytes(stored) : RUNS * block_bytes(stored);
    memset(results, 0, sizeof *results * (size_t)x_count);
    for (int chunk = 0; chunk * CHUNK < columns; chunk++) {
        const uint8_t *part[PANEL_ROWS];
        for (int r = 0; r < PANEL_ROWS; r++) {
            part[r] = unpacked(type, stored, w[r] + (int64_t)chunk * chunk_bytes, &panel->blocks[r]);
        }
        int left = (columns - chunk * CHUNK) / RUN;
        int runs = left < RUNS ? left : RUNS;
        fill_panel(type, panel, part, runs);
        prefetch_chunk(w, next, row_bytes, (chunk + 1) * CHUNK < columns ? (int64_t)(chunk + 1) * chunk_bytes : -1, chunk_bytes);
        float *at[MOST_X];
        for (int m = 0; m < x_count; m++) {
            at[m] = results[m];
        }
        int m = 0;
        for (; m + TILE <= x_count; m += TILE) {
            tile(type, TILE, panel, x + m, padded, chunk, runs, at + m);
        }
        for (; m < x_count; m++) {
            tile(type, 1, panel, x + m, padded, chunk, runs, at + m);
        }
    }
}

#endif
