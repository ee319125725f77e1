/*
 * What tiles of attention with rounded operands have in common, whatever multiplies them: how they are rounded, and the
 * running softmax of some queries.
 *
 * A query and a key are rounded so that their lengths become LENGTH; no sum of products, nor a part of one, then exceeds
 * its square (Cauchy and Schwarz). A value's largest element becomes LARGEST_VALUE. Its scale goes to the factors, the
 * softmax's exponentials, of which those of a query are rounded so that they are below LARGEST_FACTOR and their sum is
 * below TOTAL: so no sum of their products with values exceeds 32 bits. Values have two bits less than factors because
 * sums of factors need them: where all factors are the same, a tile of 192 leaves them ten. Rounding moves a score by
 * less than 2^-15 of the product of the lengths, and a sum of values by less than 2^-10 of the largest.
 *
 * All is rounded by itself, whatever else is in the tile, sums of integers are exact, and sums of floats are taken in one
 * order: results do not depend on the instruction set, nor on what rows are computed together.
 */
#ifndef JUGGLER_ROUNDED_ATTENTION_H
#define JUGGLER_ROUNDED_ATTENTION_H

#include "rows.h"
#include "softmax.h"

/* Queries that are taken from their scores to their weighted values together: these stay in the L1 cache. */
enum { GROUP = 32 };

static const float LENGTH = 32700, LARGEST_VALUE = 8175, LARGEST_FACTOR = 32700, TOTAL = 260000;

/* Below this a factor would be infinite, and what is that small is nothing. */
static const float LEAST = 1e-30f;

/* Queries [first, first + count), what each of them sees of the tile, and its softmax; and what any of them sees. */
struct group {
    int first, count;
    int from, to;
    int lowest[GROUP], end[GROUP];
    float *scores;          /* [GROUP][places]; then exponentials times the values' scales */
    float faded[GROUP];     /* what is left of weighted values before this tile, now that the largest score is another */
    float units[GROUP];     /* what a rounded factor is a multiple of */
};

INLINE float factor_of(float most, float wanted) { return most > LEAST ? wanted / most : 0; }

/* Sixteen floats, in as many vectors as that takes. */
enum { SIXTEEN = 16 / WIDE_LANES };

/* The lower eight and the upper eight together. */
INLINE f32x8 eights_of_sixteen(const wide_floats *v) {
    return SIXTEEN == 1 ? eight_of_wide(v[0], 0) + eight_of_wide(v[0], 1)
                        : eight_of_wide(v[0], 0) + eight_of_wide(v[SIXTEEN - 1], 0);
}

INLINE f32x8 squares_of(const float *row, int width) {
    wide_floats sums[SIXTEEN] = {{0}};
    for (int k = 0; k < width; k += LANES) {
#pragma GCC unroll 2
        for (int p = 0; p < SIXTEEN; p++) {
            wide_floats v = load_wide(row + k + p * WIDE_LANES);
            sums[p] = fma_wide(v, v, sums[p]);
        }
    }
    return eights_of_sixteen(sums);
}

INLINE float length_of(const float *row, int width) { return sqrtf(sum_of(squares_of(row, width))); }

INLINE void lengths_of_eight(const float *const *rows, int width, float *lengths) {
    f32x8 squares[8], sums;
    for (int i = 0; i < 8; i++) {
        squares[i] = squares_of(rows[i], width);
    }
    sums = sums_of_eight_floats(squares);
    for (int i = 0; i < 8; i++) {
        lengths[i] = sqrtf(sums[i]);
    }
}

/* As integers, of which that of a NaN is the largest. */
INLINE float largest_magnitude(const float *row, int width) {
    i32x8 low = {0}, high = {0};
    for (int k = 0; k < width; k += LANES) {
        low = larger_ints8(low, (i32x8)((u32x8)load_f32x8(row + k) & 0x7fffffff));
        high = larger_ints8(high, (i32x8)((u32x8)load_f32x8(row + k + 8) & 0x7fffffff));
    }
    return float_of_bits(largest_int_of(larger_ints8(low, high)));
}

/* Some blocks as floats, filled up with zeros. Halves, which most caches are of, without a call. */
INLINE void load_row(const struct attention *a, int type, int64_t address, int width, int stride, float *row) {
    const uint8_t *stored = (const uint8_t *)(intptr_t)address;
    if (type == F16 && width % LANES == 0) {
        for (int i = 0; i < width; i += WIDE_LANES) {
            store_wide(row + i, halves_wide(stored + 2 * i));
        }
        return;
    }
    a->decode(type, stored, width, row);
    for (int i = width; i < stride; i++) {
        row[i] = 0;
    }
}

/* Where there is nothing, it is what the nearest place has. */
INLINE int nearest_place(const struct attention *a, int place) {
    return place < a->from ? a->from : place < a->to ? place : a->to - 1;
}

INLINE void load_key(const struct attention *a, int place, float *row) {
    load_row(a, a->key_type, a->key_rows[nearest_place(a, place)], a->key_width, a->key_stride, row);
}

INLINE void load_value(const struct attention *a, int place, float *row) {
    load_row(a, a->value_type, a->value_rows[nearest_place(a, place)], a->value_width, a->sum_stride, row);
}

/* Asks for what is stored at some places: rows of a head lie apart, which no processor foresees. */
INLINE void ask_for(const struct attention *a, const int64_t *rows, int type, int width, int first, int count) {
    const int64_t bytes = (int64_t)width / block_elements(type) * block_bytes(type);
    for (int place = first; place < first + count && place < a->to; place++) {
        const uint8_t *row = (const uint8_t *)(intptr_t)rows[nearest_place(a, place)];
        for (int64_t at = 0; at < bytes; at += 64) {
            prefetch(row + at);
        }
    }
}

/* Before keys [first, first + count) are packed: the keys behind them, and the values that will follow. */
INLINE void ask_ahead(const struct attention *a, int first, int count) {
    ask_for(a, a->key_rows, a->key_type, a->key_width, first + count, count);
    if (a->value_rows != a->key_rows) {
        ask_for(a, a->value_rows, a->value_type, a->value_width, first, count);
    }
}

/* False if no query of the group sees anything of the tile. */
static bool look_at_places(const struct attention *a, struct group *g, int first) {
    g->first = first;
    g->count = a->count - first < GROUP ? a->count - first : GROUP;
    g->from = a->places;
    g->to = 0;
    for (int i = 0; i < g->count; i++) {
        int *from = &g->lowest[i], *to = &g->end[i];
        if (!visible(a, (first + i) / a->heads, from, to)) {
            *from = *to = 0;
            continue;
        }
        g->from = *from < g->from ? *from : g->from;
        g->to = *to > g->to ? *to : g->to;
    }
    return g->from < g->to;
}

/*
 * 2^x within 4e-6 of itself, or 2^-125, for x up to 1: 2^n by the bits of a float, 2^r by the polynomial of the least
 * largest error that is 1 at 0. Enough for what is rounded to 16 bits.
 */
INLINE wide_floats rough_powers_of(wide_floats x) {
    const wide_floats bounded = at_least_wide(x, -125);
    const wide_floats rounded = bounded + 12582912.0f, r = bounded - (rounded - 12582912.0f);
    wide_floats p = fma_wide(all_wide(9.58285e-3f), r, all_wide(5.590643e-2f));
    p = fma_wide(p, r, all_wide(2.4024099e-1f));
    p = fma_wide(p, r, all_wide(6.9312419e-1f));
    p = fma_wide(p, r, all_wide(1.0f));
    return scaled_wide(p, rounded);
}

/* Takes what a query does not see out of its scores, and adjusts its state to the largest score. */
static void find_largest_of(const struct attention *a, struct group *g, int i) {
    float *scores = g->scores + i * a->places, *state = a->softmax + 2 * (g->first + i);
    const int from = g->lowest[i] / 16 * 16, to = (int)whole(g->end[i], 16);
    const float before = state[0];
    for (int k = from; k < g->lowest[i]; k++) {
        scores[k] = -INFINITY;
    }
    for (int k = g->end[i]; k < to; k++) {
        scores[k] = -INFINITY;
    }
    wide_floats most = all_wide(before);
    for (int k = from; k < to; k += WIDE_LANES) {
        wide_floats v = load_wide(scores + k);
        if (a->cap != 0) {
            v = where_less_wide(all_wide(-INFINITY), v, capped(v, a->cap), v);
            store_wide(scores + k, v);
        }
        most = larger_wide(v, most); /* a NaN is not the largest: it comes out in the sum */
    }
    const float largest = largest_of_wide(most);
    g->faded[i] = largest > before ? exponential(before - largest) : 1;
    state[0] = largest;
    state[1] *= g->faded[i];
}

/* Turns a query's scores into exponentials of what they are below the largest, times the scales of the values. */
static void soften_scores_of(const struct attention *a, struct group *g, const float *value_scales, int i) {
    float *scores = g->scores + i * a->places, *state = a->softmax + 2 * (g->first + i);
    const wide_floats log2e = all_wide(1.442695041f), highest = all_wide(state[0] * -1.442695041f);
    wide_floats total[SIXTEEN] = {{0}}, weight[SIXTEEN] = {{0}}, most = {0};
    for (int k = g->lowest[i] / 16 * 16; k < g->end[i]; k += 16) {
#pragma GCC unroll 4
        for (int p = 0; p < SIXTEEN; p++) {
            const int at = k + p * WIDE_LANES;
            wide_floats power = rough_powers_of(fma_wide(load_wide(scores + at), log2e, highest));
            wide_floats v = power * load_wide(value_scales + at);
            store_wide(scores + at, v);
            total[p] += power;
            weight[p] += v;
            most = larger_wide(v, most);
        }
    }
    const float by_largest = largest_of_wide(most) * (1 / LARGEST_FACTOR), by_total = sum_of(eights_of_sixteen(weight)) * (1 / TOTAL);
    state[1] += sum_of(eights_of_sixteen(total));
    g->units[i] = by_largest > by_total ? by_largest : by_total; /* NaN, if there is one in the sum */
}

/* Step by step: each waits for one sum of its query, and meanwhile the next queries go on. */
static void soften_scores(const struct attention *a, struct group *g, const float *value_scales) {
    for (int i = 0; i < g->count; i++) {
        if (g->lowest[i] < g->end[i]) {
            find_largest_of(a, g, i);
        } else {
            g->faded[i] = 1;
            g->units[i] = 0;
        }
    }
    for (int i = 0; i < g->count; i++) {
        if (g->lowest[i] < g->end[i]) {
            soften_scores_of(a, g, value_scales, i);
        }
    }
}

/* What is known of the group before the first tile of a segment. */
static void begin_segment(const struct attention *a, int first) {
    const int count = a->count - first < GROUP ? a->count - first : GROUP;
    for (int n = first; n < first + count; n++) {
        a->softmax[2 * n] = -INFINITY;
        a->softmax[2 * n + 1] = 0;
    }
    memset(a->weighted + (int64_t)first * a->sum_stride, 0, (size_t)count * (size_t)a->sum_stride * sizeof(float));
}

INLINE bool has_seen_nothing(const float *state) { return state[0] == -INFINITY && state[1] == 0; }

/* Takes a segment into the totals, as AttentionTile.merge does. */
static void end_segment(const struct attention *a, int first) {
    const int end = a->count - first < GROUP ? a->count : first + GROUP, width = a->sum_stride;
    for (int n = first; n < end; n++) {
        const float *state = a->softmax + 2 * n, *sums = a->weighted + (int64_t)n * width;
        float *total = a->softmax + 2 * (a->count + n), *totals = a->weighted + (int64_t)(a->count + n) * width;
        if (has_seen_nothing(state)) {
            continue;
        }
        if (has_seen_nothing(total)) {
            memcpy(total, state, 2 * sizeof(float));
            memcpy(totals, sums, (size_t)width * sizeof(float));
            continue;
        }
        const float largest = total[0] > state[0] ? total[0] : state[0];
        const float before = exponential(total[0] - largest), now = exponential(state[0] - largest);
        total[0] = largest;
        total[1] = total[1] * before + state[1] * now;
        for (int i = 0; i < width; i++) {
            totals[i] = totals[i] * before + sums[i] * now;
        }
    }
}

/* Takes the queries through a tile, group after group; the kernel is for those that see something of it. */
#define EACH_GROUP(a, g, kernel) \
    for (int first = 0; first < (a)->count; first += GROUP) { \
        if ((a)->begins) { \
            begin_segment(a, first); \
        } \
        if (look_at_places(a, g, first)) { \
            kernel; \
        } \
        if ((a)->ends) { \
            end_segment(a, first); \
        } \
    }

#endif
