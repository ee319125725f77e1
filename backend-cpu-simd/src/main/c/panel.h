/*
 * Products of weight rows with many rows of activations: what reading a prompt needs.
 *
 * A panel is a chunk of 256 columns of PANEL_ROWS weight rows, taken apart once: each 32-bit lane belongs to a weight
 * row and holds four of its codes, so that four bytes of an activation, copied to all lanes, are multiplied with all
 * rows at once and no sum runs across lanes. The panel stays in the L1 cache while all rows of x pass.
 *
 * Byte products want one unsigned factor. It is the code where codes are unsigned; else it is x + 128, and 128 times the
 * sum of the codes is subtracted, which is the product of the panel with a row of ones.
 */
#ifndef JUGGLER_PANEL_H
#define JUGGLER_PANEL_H

#include "formats.h"
#include "rows.h"

/* Rows of x that are multiplied with a panel together, and that are held against a weight before the next ones. */
enum { TILE = 4, MOST_X = 64 };

enum factors { CODE_UNSIGNED, X_UNSIGNED, SIGN_MOVED };

struct panel {
    uint8_t codes[CHUNK * PANEL_ROWS];
    int32_t scales[16 * PANEL_ROWS];   /* inner scales, twice in each lane */
    int32_t minimums[8 * PANEL_ROWS];  /* pairs of inner minimums */
    float scale[RUNS * PANEL_ROWS];    /* of blocks */
    float minimum[RUNS * PANEL_ROWS];
    int32_t excess[RUNS * PANEL_ROWS]; /* 128 times the sums of codes */
};

INLINE enum factors factors_of(int type) {
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

/* Adds the products of one run of equal scale with M rows of x to their sums. */
INLINE void panel_run(const int type, const int m_count, const uint8_t *codes, const int32_t *scale_pairs,
                      const uint8_t *const *x, panel_ints *sums) {
    const int steps = steps_of(type), groups = scale_run(type) / 4;
#pragma GCC unroll 8
    for (int first = 0; first < groups; first += steps) {
        panel_partial partial[TILE];
        for (int m = 0; m < m_count; m++) {
            partial[m] = panel_zero();
        }
#pragma GCC unroll 8
        for (int g = first; g < first + steps; g++) {
            panel_codes c = panel_load(codes + g * 4 * PANEL_ROWS);
#pragma GCC unroll 4
            for (int m = 0; m < m_count; m++) {
                panel_codes v = broadcast4(x[m] + 4 * g);
                switch (factors_of(type)) {
                case CODE_UNSIGNED: partial[m] = panel_step(partial[m], c, v); break;
                case X_UNSIGNED: partial[m] = panel_step(partial[m], v, c); break;
#if !defined(PANEL_SUMS_FOURS)
                case SIGN_MOVED: partial[m] = panel_signed_step(c, v); break;
#endif
                default: break;
                }
            }
        }
#pragma GCC unroll 4
        for (int m = 0; m < m_count; m++) {
            sums[m] = scale_pairs ? panel_scaled(sums[m], partial[m], panel_load_ints(scale_pairs))
                                  : panel_unscaled(sums[m], partial[m]);
        }
    }
}

/* Sums of a block of 256 with M rows of x. */
INLINE void panel_block(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                        panel_ints *sums) {
    const int run = scale_run(type);
    for (int m = 0; m < m_count; m++) {
        sums[m] = panel_zero();
    }
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
            for (int half = 0; half < PANEL_ROWS; half += 8) {
                u8x32 v[8];
                for (int r = 0; r < 8; r++) {
                    v[r] = codes(type, w[half + r], run) - offset;
                }
                transpose8(v);
                for (int g = 0; g < 8; g++) {
                    memcpy(panel->codes + ((run * 8 + g) * PANEL_ROWS + half) * 4, &v[g], sizeof v[g]);
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

INLINE void measure_excess(const int type, struct panel *panel, int runs) {
    if (factors_of(type) != X_UNSIGNED) {
        return;
    }
    if (has_inner_scales(type)) {
        const uint8_t *x = ones;
        panel_ints sum;
        panel_block(type, 1, panel, &x, &sum);
        panel_store_ints(panel->excess, panel_times_128(sum));
        return;
    }
    for (int run = 0; run < runs; run++) {
        const uint8_t *x = ones;
        panel_ints sum = panel_zero();
        panel_run(type, 1, panel->codes + run * RUN * PANEL_ROWS, NULL, &x, &sum);
        panel_store_ints(panel->excess + run * PANEL_ROWS, panel_times_128(sum));
    }
}

/* Multiplies a panel of a block of 256 with M rows of x. */
INLINE void tile_large(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                       int64_t padded, int chunk, float *const *results) {
    const uint8_t *at[TILE];
    panel_ints sums[TILE];
    for (int m = 0; m < m_count; m++) {
        at[m] = x[m] + (factors_of(type) == X_UNSIGNED ? unsigned_at(padded) : signed_at()) + chunk * CHUNK;
    }
    panel_block(type, m_count, panel, at, sums);
    for (int m = 0; m < m_count; m++) {
        float scale;
        memcpy(&scale, x[m] + scales_at(padded) + 4 * chunk, 4);
        panel_floats x_scale = panel_all_floats(scale);
        if (factors_of(type) == X_UNSIGNED) {
            sums[m] = panel_subtract(sums[m], panel_load_ints(panel->excess));
        }
        panel_floats result = panel_fma(panel_to_floats(sums[m]),
                                        panel_multiply(panel_load_floats(panel->scale), x_scale),
                                        panel_load_floats(results[m]));
        if (has_minimums(type)) {
            const uint8_t *x_sums = scale_run(type) == 32 ? x[m] + sums32_at(padded) + chunk * 16
                                                          : x[m] + sums16_at(padded) + chunk * 32;
            panel_ints of_minimums = panel_zero();
            for (int i = 0; i < CHUNK / scale_run(type) / 2; i++) {
                of_minimums = panel_pairs(of_minimums, panel_load_ints(panel->minimums + i * PANEL_ROWS),
                                          broadcast4(x_sums + 4 * i));
            }
            result = panel_minus_fma(panel_to_floats(of_minimums),
                                     panel_multiply(panel_load_floats(panel->minimum), x_scale), result);
        }
        panel_store_floats(results[m], result);
    }
}

/* Multiplies a panel of up to eight blocks of 32 with M rows of x. */
INLINE void tile_small(const int type, const int m_count, const struct panel *panel, const uint8_t *const *x,
                       int64_t padded, int chunk, int runs, float *const *results) {
    panel_floats result[TILE];
    for (int m = 0; m < m_count; m++) {
        result[m] = panel_load_floats(results[m]);
    }
    for (int run = 0; run < runs; run++) {
        const uint8_t *at[TILE];
        panel_ints sums[TILE];
        for (int m = 0; m < m_count; m++) {
            at[m] = x[m] + (factors_of(type) == X_UNSIGNED ? unsigned_at(padded) : signed_at()) + chunk * CHUNK +
                    run * RUN;
            sums[m] = panel_zero();
        }
        panel_run(type, m_count, panel->codes + run * RUN * PANEL_ROWS, NULL, at, sums);
        for (int m = 0; m < m_count; m++) {
            float scale;
            memcpy(&scale, x[m] + scales_at(padded) + 4 * (chunk * RUNS + run), 4);
            panel_floats x_scale = panel_all_floats(scale);
            if (factors_of(type) == X_UNSIGNED) {
                sums[m] = panel_subtract(sums[m], panel_load_ints(panel->excess + run * PANEL_ROWS));
            }
            result[m] = panel_fma(panel_to_floats(sums[m]),
                                  panel_multiply(panel_load_floats(panel->scale + run * PANEL_ROWS), x_scale),
                                  result[m]);
            if (has_minimums(type)) {
                int16_t x_sum;
                memcpy(&x_sum, x[m] + sums32_at(padded) + 2 * (chunk * RUNS + run), 2);
                result[m] = panel_fma(
                    panel_all_floats(x_sum),
                    panel_multiply(panel_load_floats(panel->minimum + run * PANEL_ROWS), x_scale), result[m]);
            }
        }
    }
    for (int m = 0; m < m_count; m++) {
        panel_store_floats(results[m], result[m]);
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

/* Multiplies PANEL_ROWS weight rows with up to MOST_X rows of x; results[j] are those of row j. */
INLINE void multiply_panel(const int type, struct panel *panel, const uint8_t *const *w, int columns,
                           const uint8_t *const *x, int x_count, float (*results)[PANEL_ROWS]) {
    const int64_t padded = whole(columns, CHUNK);
    const int chunk_bytes = has_inner_scales(type) ? block_bytes(type) : RUNS * block_bytes(type);
    memset(results, 0, sizeof *results * (size_t)x_count);
    for (int chunk = 0; chunk * CHUNK < columns; chunk++) {
        const uint8_t *part[PANEL_ROWS];
        for (int r = 0; r < PANEL_ROWS; r++) {
            part[r] = w[r] + (int64_t)chunk * chunk_bytes;
        }
        int left = (columns - chunk * CHUNK) / RUN;
        int runs = left < RUNS ? left : RUNS;
        fill_panel(type, panel, part, runs);
        measure_excess(type, panel, runs);
        for (int m = 0; m < x_count; m += TILE) {
            float *at[TILE];
            int count = x_count - m < TILE ? x_count - m : TILE;
            for (int i = 0; i < count; i++) {
                at[i] = results[m + i];
            }
            switch (count) {
            case 1: tile(type, 1, panel, x + m, padded, chunk, runs, at); break;
            case 2: tile(type, 2, panel, x + m, padded, chunk, runs, at); break;
            case 3: tile(type, 3, panel, x + m, padded, chunk, runs, at); break;
            default: tile(type, 4, panel, x + m, padded, chunk, runs, at); break;
            }
        }
    }
}

#endif
