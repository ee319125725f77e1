/*
 * Products of weight rows with many rows of activations: what reading a prompt needs.
 *
 * A panel is a chunk of 256 columns of PANEL_ROWS weight rows, taken apart once: each 32-bit lane belongs to a weight
 * row and holds four of its codes, so that four bytes of an activation, copied to all lanes, are multiplied with all
 * rows at once and no sum runs across lanes. The panel stays in the L1 cache while all rows of x pass.
 *
 * Byte products of x86 want one unsigned factor. It is the code where codes are unsigned; else it is x + 128, and 128 times the
 * sum of the codes is subtracted, which is the product of the panel with a row of ones.
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

enum factors { BOTH_SIGNED, CODE_UNSIGNED, X_UNSIGNED, SIGN_MOVED };

struct panel {
    uint8_t codes[CHUNK * PANEL_ROWS];
    int32_t scales[16 * PANEL_ROWS];   /* inner scales, twice in each lane */
    int32_t minimums[8 * PANEL_ROWS];  /* pairs of inner minimums */
    float scale[RUNS * PANEL_ROWS];    /* of blocks */
    float minimum[RUNS * PANEL_ROWS];
    int32_t excess[RUNS * PANEL_ROWS]; /* 128 times the sums of codes */
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
        return SIGN_MOVED;
    }
#endif
    return X_UNSIGNED;
}

/* Groups of four columns whose products can be added before the sum must be widened or scaled. */
INLINE int steps_of(int type) {
    int most = scale_run(type) / 4;
#if defined(PANEL_SUMS_FOURS)
    return most;
#else
    if (factors_of(type) == SIGN_MOVED) {
        return 1;
    }
    int largest_pair = 2 * largest_code(type) * (factors_of(type) == CODE_UNSIGNED ? 127 : 255);
    while (most * largest_pair > INT16_MAX) {
        most /= 2;
    }
    return most;
#endif
}

INLINE panel_codes broadcast4(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return panel_all(four);
}

/* Sums of a panel with the rows of a tile, or anything else of each pair of them. */
struct sums {
    panel_ints of[TILE][PANEL_VECTORS];
};

/* Adds the products of one run of equal scale with M rows of x to their sums. */
INLINE void panel_run(const int type, const int m_count, const uint8_t *codes, const int32_t *scale_pairs,
                      const uint8_t *const *x, struct sums *sums) {
    const int steps = steps_of(type), groups = scale_run(type) / 4;
#pragma GCC unroll 8
    for (int first = 0; first < groups; first += steps) {
        panel_partial partial[TILE][PANEL_VECTORS];
        for (int m = 0; m < m_count; m++) {
            for (int v = 0; v < PANEL_VECTORS; v++) {
                partial[m][v] = panel_zero();
            }
        }
#pragma GCC unroll 8
        for (int g = first; g < first + steps; g++) {
            panel_codes c[PANEL_VECTORS];
            for (int v = 0; v < PANEL_VECTORS; v++) {
                c[v] = panel_load(codes + (g * PANEL_VECTORS + v) * 4 * PANEL_LANES);
            }
#pragma GCC unroll 4
            for (int m = 0; m < m_count; m++) {
                panel_codes four = broadcast4(x[m] + 4 * g);
#pragma GCC unroll 4
                for (int v = 0; v < PANEL_VECTORS; v++) {
                    switch (factors_of(type)) {
                    case BOTH_SIGNED: case CODE_UNSIGNED: partial[m][v] = panel_step(partial[m][v], c[v], four); break;
                    case X_UNSIGNED: partial[m][v] = panel_step(partial[m][v], four, c[v]); break;
#if !defined(PANEL_SUMS_FOURS)
                    case SIGN_MOVED: partial[m][v] = panel_signed_step(c[v], four); break;
#endif
                    default: break;
                    }
                }
            }
        }
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
#pragma GCC unroll 4
            for (int v = 0; v < PANEL_VECTORS; v++) {
                sums->of[m][v] =
                    scale_pairs
                        ? panel_scaled(sums->of[m][v], partial[m][v], panel_load_ints(scale_pairs + v * PANEL_LANES))
                        : panel_unscaled(sums->of[m][v], partial[m][v]);
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

/* Sums of a block of 256 with M rows of x. */
INLINE void panel_block(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                        struct sums *sums) {
    const int run = scale_run(type);
    clear(m_count, sums);
#pragma GCC unroll 1
    for (int i = 0; i < CHUNK / run; i++) {
        const uint8_t *at[TILE];
        for (int m = 0; m < m_count; m++) {
            at[m] = x[m] + i * run;
        }
        panel_run(type, m_count, panel->codes + i * run * PANEL_ROWS, panel->scales + i * PANEL_ROWS, at, sums);
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
                for (int r = 0; r < 8; r++) {
                    v[r] = codes(type, w[eight + r], run) - offset;
                }
                transpose8(v);
                for (int g = 0; g < 8; g++) {
                    memcpy(panel->codes + ((run * 8 + g) * PANEL_ROWS + eight) * 4, &v[g], sizeof v[g]);
                }
            }
        }
    }
    for (int r = 0; r < PANEL_ROWS; r++) {
        if (has_inner_scales(type)) {
            int16_t scales[16], minimums[16];
            inner_scales(type, w[r], scales, minimums);
            for (int i = 0; i < CHUNK / scale_run(type); i++) {
                panel->scales[i * PANEL_ROWS + r] = (int32_t)((uint16_t)scales[i] * 0x10001u);
            }
            panel->scale[r] = block_scale(type, w[r]);
            if (has_minimums(type)) {
                panel->minimum[r] = block_minimum(type, w[r]);
                for (int i = 0; i < CHUNK / scale_run(type) / 2; i++) {
                    memcpy(&panel->minimums[i * PANEL_ROWS + r], minimums + 2 * i, 4);
                }
            }
        } else {
            for (int run = 0; run < runs; run++) {
                const uint8_t *p = w[r] + run * block_bytes(type);
                panel->scale[run * PANEL_ROWS + r] = block_scale(type, p);
                if (has_minimums(type)) {
                    panel->minimum[run * PANEL_ROWS + r] = block_minimum(type, p);
                }
            }
        }
    }
}

static const uint8_t ones[CHUNK] __attribute__((unused)) = {[0 ... CHUNK - 1] = 1};

INLINE void store_excess(int32_t *excess, const struct sums *sums) {
    for (int v = 0; v < PANEL_VECTORS; v++) {
        panel_store_ints(excess + v * PANEL_LANES, panel_times_128(sums->of[0][v]));
    }
}

INLINE void measure_excess(const int type, struct panel *panel, int runs) {
    if (factors_of(type) != X_UNSIGNED) {
        return;
    }
    const uint8_t *x = ones;
    struct sums sums;
    if (has_inner_scales(type)) {
        panel_block(type, 1, panel, &x, &sums);
        store_excess(panel->excess, &sums);
        return;
    }
    for (int run = 0; run < runs; run++) {
        clear(1, &sums);
        panel_run(type, 1, panel->codes + run * RUN * PANEL_ROWS, NULL, &x, &sums);
        store_excess(panel->excess + run * PANEL_ROWS, &sums);
    }
}

/* A sum as a float, without what came in by x + 128. */
INLINE panel_floats without_excess(const int type, panel_ints sum, const int32_t *excess) {
    return panel_to_floats(factors_of(type) == X_UNSIGNED ? panel_subtract(sum, panel_load_ints(excess)) : sum);
}

INLINE const uint8_t *bytes_of(const int type, const uint8_t *x, int64_t padded) {
    return x + (factors_of(type) == X_UNSIGNED ? unsigned_at(padded) : signed_at());
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
    struct sums sums;
    for (int m = 0; m < m_count; m++) {
        at[m] = bytes_of(type, x[m], padded) + chunk * CHUNK;
    }
    panel_block(type, m_count, panel, at, &sums);
    for (int m = 0; m < m_count; m++) {
        panel_floats x_scale = x_scale_at(x[m], padded, chunk);
        for (int lane = 0; lane < PANEL_ROWS; lane += PANEL_LANES) {
            panel_floats result = panel_fma(without_excess(type, sums.of[m][lane / PANEL_LANES], panel->excess + lane),
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
#pragma GCC unroll 1
    for (int run = 0; run < runs; run++) {
        const uint8_t *at[TILE];
        struct sums sums;
        for (int m = 0; m < m_count; m++) {
            at[m] = bytes_of(type, x[m], padded) + chunk * CHUNK + run * RUN;
        }
        clear(m_count, &sums);
        panel_run(type, m_count, panel->codes + run * RUN * PANEL_ROWS, NULL, at, &sums);
        for (int m = 0; m < m_count; m++) {
            panel_floats x_scale = x_scale_at(x[m], padded, chunk * RUNS + run);
            for (int lane = 0; lane < PANEL_ROWS; lane += PANEL_LANES) {
                const int place = run * PANEL_ROWS + lane;
                panel_floats result =
                    panel_fma(without_excess(type, sums.of[m][lane / PANEL_LANES], panel->excess + place),
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
        measure_excess(type, panel, runs);
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
