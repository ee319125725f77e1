/*
 * A tile of attention whose products are of shorts, in each instruction set: twice as many in an instruction as of floats,
 * and keys and columns of values lie in lanes, so that no sums are taken across them.
 *
 * A query and a key are rounded so that their lengths become LENGTH; no sum of products, nor a part of one, then exceeds
 * its square (Cauchy and Schwarz). A value's largest element becomes LARGEST. Its scale goes to the factors, the softmax's
 * exponentials, of which those of a query are rounded so that they are below LARGEST and their sum is below TOTAL: so no
 * sum of their products with values exceeds 32 bits. Rounding moves a score by less than 2^-15 of the product of the
 * lengths, and a sum of values by less than 2^-10 of the largest.
 *
 * All is rounded by itself, whatever else is in the tile, and sums of integers are exact: results do not depend on the
 * instruction set, nor on what rows are computed together.
 *
 * Shorts that are multiplied together lie in a word: elements i and i + 8 of sixteen. Panels hold such words of WIDE keys,
 * or of WIDE columns of values, side by side.
 */
#include "rows.h"
#include "softmax.h"

/* Queries that are multiplied with a panel together. */
enum { QUERIES = 4, WIDE = PANEL_LANES * PANEL_VECTORS };

/* Queries whose factors are made together: their scores stay in the L1 cache. */
enum { TOGETHER = 8 };

static const float LENGTH = 32700, LARGEST = 32700, TOTAL = 65000;

/* Below this a factor would be infinite, and what is that small is nothing. */
static const float LEAST = 1e-30f;

/* The operands of a tile, in its scratch memory. */
struct rounded {
    int words;             /* of a key or a query */
    int32_t *keys;         /* [places / WIDE, the last part too][words][WIDE] */
    int32_t *values;       /* [columns / WIDE][places / 2][WIDE] */
    int32_t *factors;      /* [count][places / 2] */
    float *key_scales;     /* [places] */
    float *value_scales;   /* [places]; zero where there is none */
    float *units;          /* [count]: what a factor is a multiple of */
    const int32_t *queries; /* [count][words] */
    const float *query_scales;
};

static struct rounded operands(const struct attention *a) {
    struct rounded r;
    r.words = a->key_stride / 2;
    r.keys = (int32_t *)(((uintptr_t)a->scratch + 63) / 64 * 64);
    r.values = r.keys + whole(a->places, WIDE) * r.words;
    r.factors = r.values + whole(a->sum_stride, WIDE) * (a->places / 2);
    r.key_scales = (float *)(r.factors + (int64_t)a->count * (a->places / 2));
    r.value_scales = r.key_scales + a->places;
    r.units = r.value_scales + a->places;
    r.queries = (const int32_t *)(const void *)a->queries;
    r.query_scales = a->queries + (int64_t)a->count * r.words;
    return r;
}

/* Adding 1.5 * 2^23 rounds and leaves the integer in the low bits. */
INLINE u32x8 rounded8(const float *x, float factor) {
    return (u32x8)fma8(load_f32x8(x), all8(factor), all8(12582912.0f));
}

/* Eight words of two eights, each with its factor. */
INLINE u8x32 words_of(const float *low, float low_factor, const float *high, float high_factor) {
    return (u8x32)((rounded8(low, low_factor) & 0xffff) | (rounded8(high, high_factor) << 16));
}

INLINE float factor_of(float most, float wanted) { return most > LEAST ? wanted / most : 0; }

INLINE f32x8 squares_of(const float *row, int width) {
    f32x8 low = {0}, high = {0};
    for (int k = 0; k < width; k += LANES) {
        f32x8 a = load_f32x8(row + k), b = load_f32x8(row + k + 8);
        low = fma8(a, a, low);
        high = fma8(b, b, high);
    }
    return low + high;
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
    i32x8 most = {0};
    for (int k = 0; k < width; k += 8) {
        most = larger_ints8(most, (i32x8)((u32x8)load_f32x8(row + k) & 0x7fffffff));
    }
    return float_of_bits(largest_int_of(most));
}

void NAME(round_queries)(const float *queries, int32_t count, int32_t stride, float *rounded);
void NAME(round_queries)(const float *queries, int32_t count, int32_t stride, float *rounded) {
    float *scales = rounded + (int64_t)count * stride / 2;
    for (int64_t n = 0; n < count; n++) {
        const float *row = queries + n * stride;
        float length = length_of(row, stride), factor = factor_of(length, LENGTH);
        for (int k = 0; k < stride; k += LANES) {
            u8x32 words = words_of(row + k, factor, row + k + 8, factor);
            memcpy(rounded + (n * stride + k) / 2, &words, sizeof words);
        }
        scales[n] = length / LENGTH;
    }
}

/* Eight keys at a time: their words become columns. */
static void pack_keys(const struct attention *a, const struct rounded *r) {
    for (int first = a->from / 8 * 8; first < a->to; first += 8) {
        const float *keys[8];
        float factors[8], lengths[8];
        for (int i = 0; i < 8; i++) {
            int place = first + i, inside = place < a->from ? a->from : place < a->to ? place : a->to - 1;
            keys[i] = a->keys + (int64_t)inside * a->key_stride;
        }
        lengths_of_eight(keys, a->key_stride, lengths);
        for (int i = 0; i < 8; i++) {
            factors[i] = factor_of(lengths[i], LENGTH);
            r->key_scales[first + i] = lengths[i] / LENGTH;
        }
        int32_t *panel = r->keys + (int64_t)(first / WIDE * r->words) * WIDE + first % WIDE;
        for (int k = 0; k < a->key_stride; k += LANES) {
            u8x32 words[8];
            for (int i = 0; i < 8; i++) {
                words[i] = words_of(keys[i] + k, factors[i], keys[i] + k + 8, factors[i]);
            }
            transpose8(words);
            for (int i = 0; i < 8; i++) {
                memcpy(panel + (k / 2 + i) * WIDE, &words[i], sizeof words[i]);
            }
        }
    }
}

static void pack_values(const struct attention *a, const struct rounded *r) {
    float factors[2];
    const float *values[2];
    for (int place = 0; place < a->places; place++) {
        r->value_scales[place] = 0;
    }
    for (int word = a->from / 16 * 8; word < whole(a->to, 16) / 2; word++) {
        for (int i = 0; i < 2; i++) {
            int place = word / 8 * 16 + word % 8 + 8 * i;
            bool is_there = place >= a->from && place < a->to;
            values[i] = a->values + (int64_t)(is_there ? place : a->from) * a->value_stride;
            float largest = largest_magnitude(values[i], a->sum_stride);
            factors[i] = is_there ? factor_of(largest, LARGEST) : 0;
            r->value_scales[place] = is_there ? largest / LARGEST : 0;
        }
        int32_t *to = r->values + word * WIDE;
        for (int c = 0; c < a->sum_stride; c += 8) {
            u8x32 words = words_of(values[0] + c, factors[0], values[1] + c, factors[1]);
            memcpy(to + c / WIDE * (a->places / 2) * WIDE + c % WIDE, &words, sizeof words);
        }
    }
}

/* Sums of products of a panel with QUERIES rows. */
struct products {
    int32_t of[QUERIES][WIDE];
};

/* Products of some words of a panel with those of QUERIES rows. */
static __attribute__((noinline)) void multiply_words(const int32_t *panel, const int32_t *const *rows, int words,
                                                     struct products *products) {
    panel_ints sums[QUERIES][PANEL_VECTORS];
#pragma GCC unroll 4
    for (int m = 0; m < QUERIES; m++) {
#pragma GCC unroll 4
        for (int v = 0; v < PANEL_VECTORS; v++) {
            sums[m][v] = (panel_ints)panel_zero();
        }
    }
    for (int i = 0; i < words; i++) {
        panel_ints lanes[PANEL_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < PANEL_VECTORS; v++) {
            lanes[v] = panel_load_ints(panel + i * WIDE + v * PANEL_LANES);
        }
#pragma GCC unroll 4
        for (int m = 0; m < QUERIES; m++) {
            panel_codes word = panel_kept(broadcast4((const uint8_t *)(rows[m] + i)));
#pragma GCC unroll 4
            for (int v = 0; v < PANEL_VECTORS; v++) {
                sums[m][v] = panel_pairs(sums[m][v], lanes[v], word);
            }
        }
    }
    memcpy(products->of, sums, sizeof sums);
}

INLINE panel_floats product_at(const struct products *products, int m, int v) {
    return panel_to_floats(panel_load_ints(products->of[m] + v * PANEL_LANES));
}

/* Rows of words of QUERIES queries from the n-th on; behind the last one it is the last again. */
INLINE void rows_from(const int32_t *words, int stride, int count, int n, const int32_t **rows) {
    for (int m = 0; m < QUERIES; m++) {
        rows[m] = words + (int64_t)(n + m < count ? n + m : count - 1) * stride;
    }
}

/* The places that any of QUERIES queries from the n-th on sees. */
INLINE void seen_by_any(const struct attention *a, int n, int *from, int *to) {
    int last = n + QUERIES - 1 < a->count ? n + QUERIES - 1 : a->count - 1, ignored;
    visible(a, n / a->heads, from, &ignored);
    visible(a, last / a->heads, &ignored, to);
}

/* scores = scale * query . key */
static void score(const struct attention *a, const struct rounded *r) {
    for (int place = a->from / WIDE * WIDE; place < a->to; place += WIDE) {
        const int32_t *panel = r->keys + (int64_t)(place / WIDE * r->words) * WIDE;
        panel_floats key_scales[PANEL_VECTORS];
        for (int v = 0; v < PANEL_VECTORS; v++) {
            key_scales[v] = panel_load_floats(r->key_scales + place + v * PANEL_LANES);
        }
        for (int n = 0; n < a->count; n += QUERIES) {
            const int32_t *rows[QUERIES];
            struct products products;
            int from, to;
            seen_by_any(a, n, &from, &to);
            if (place + WIDE <= from || place >= to) {
                continue;
            }
            rows_from(r->queries, r->words, a->count, n, rows);
            multiply_words(panel, rows, r->words, &products);
#pragma GCC unroll 4
            for (int m = 0; m < QUERIES; m++) {
                if (n + m < a->count) {
                    panel_floats scale = panel_all_floats(r->query_scales[n + m] * a->scale);
                    float *scores = a->scores + (n + m) * a->places + place;
#pragma GCC unroll 4
                    for (int v = 0; v < PANEL_VECTORS; v++) {
                        panel_floats score = panel_multiply(product_at(&products, m, v), scale);
                        if (place + v * PANEL_LANES < a->places) {
                            panel_store_floats(scores + v * PANEL_LANES, panel_multiply(score, key_scales[v]));
                        }
                    }
                }
            }
        }
    }
}

/* The exponentials of a query's scores times the values' scales, as shorts. */
static void round_factors(const struct attention *a, const struct rounded *r, int n) {
    float *scores = a->scores + n * a->places;
    wide_floats most = {0};
    f32x8 total = {0};
    for (int i = 0; i < a->places; i += WIDE_LANES) {
        wide_floats v = load_wide(scores + i) * load_wide(r->value_scales + i);
        store_wide(scores + i, v);
        most = larger_wide(v, most);
        total = add_eights_of_wide(total, v);
    }
    float by_largest = largest_of_wide(most) * (1 / LARGEST), by_total = sum_of(total) * (1 / TOTAL);
    float unit = by_largest > by_total ? by_largest : by_total; /* NaN, if there is one in the sum */
    float factor = factor_of(unit, 1);
    for (int i = 0; i < a->places; i += LANES) {
        u8x32 words = words_of(scores + i, factor, scores + i + 8, factor);
        memcpy(r->factors + (n * a->places + i) / 2, &words, sizeof words);
    }
    r->units[n] = unit;
}

/* Factors of some queries, step by step: each waits for one sum of its query, and meanwhile the next queries go on. */
static void make_factors(const struct attention *a, const struct rounded *r, int first, int end) {
    bool sees[TOGETHER];
    for (int n = first; n < end; n++) {
        int from, to;
        sees[n - first] = visible(a, n / a->heads, &from, &to);
        if (sees[n - first]) {
            find_largest(a, n, from, to);
        }
    }
    for (int n = first; n < end; n++) {
        if (sees[n - first]) {
            soften(a, true, n);
        }
    }
    for (int n = first; n < end; n++) {
        if (sees[n - first]) {
            round_factors(a, r, n);
        } else {
            memset(r->factors + n * (a->places / 2), 0, (size_t)a->places / 2 * sizeof(int32_t));
            r->units[n] = 0;
        }
    }
}

/* weighted += factor * value */
static void weigh(const struct attention *a, const struct rounded *r) {
    const int words = a->places / 2;
    for (int c = 0; c < a->sum_stride; c += WIDE) {
        const int32_t *panel = r->values + (int64_t)c * words;
        for (int n = 0; n < a->count; n += QUERIES) {
            const int32_t *rows[QUERIES];
            struct products products;
            int from, to;
            seen_by_any(a, n, &from, &to);
            from = (from > a->from ? from : a->from) / 16 * 8;
            to = (int)whole(to < a->to ? to : a->to, 16) / 2;
            if (from >= to) {
                continue;
            }
            rows_from(r->factors + from, words, a->count, n, rows);
            multiply_words(panel + from * WIDE, rows, to - from, &products);
#pragma GCC unroll 4
            for (int m = 0; m < QUERIES; m++) {
                if (n + m < a->count) {
                    panel_floats unit = panel_all_floats(r->units[n + m]);
                    float *weighted = a->weighted + (int64_t)(n + m) * a->sum_stride + c;
#pragma GCC unroll 4
                    for (int v = 0; v < PANEL_VECTORS; v++) {
                        float *at = weighted + v * PANEL_LANES;
                        if (c + v * PANEL_LANES < a->sum_stride) {
                            panel_store_floats(at, panel_fma(product_at(&products, m, v), unit, panel_load_floats(at)));
                        }
                    }
                }
            }
        }
    }
}

void NAME(attend_rounded)(const struct attention *a);
void NAME(attend_rounded)(const struct attention *a) {
    const struct rounded r = operands(a);
    pack_keys(a, &r);
    pack_values(a, &r);
    score(a, &r);
    for (int first = 0; first < a->count; first += TOGETHER) {
        make_factors(a, &r, first, first + TOGETHER < a->count ? first + TOGETHER : a->count);
    }
    weigh(a, &r);
}
