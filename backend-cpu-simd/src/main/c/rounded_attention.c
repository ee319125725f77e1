/*
 * A tile of attention whose products are of shorts, in each instruction set: twice as many in an instruction as of floats,
 * and keys and columns of values lie in lanes, so that no sums are taken across them.
 *
 * Shorts that are multiplied together lie in a word: elements i and i + 8 of sixteen. Panels hold such words of WIDE keys,
 * or of WIDE columns of values, side by side.
 */
#include "rounded_attention.h"

/* Queries that are multiplied with a panel together. */
enum { QUERIES = 4, WIDE = PANEL_LANES * PANEL_VECTORS };

/* The operands of a tile, in its scratch memory. */
struct rounded {
    int words;             /* of a key or a query */
    int32_t *keys;         /* [places / WIDE, the last part too][words][WIDE] */
    int32_t *values;       /* [columns / WIDE][places / 2][WIDE] */
    int32_t *factors;      /* [GROUP][places / 2] */
    float *key_scales;     /* [places] */
    float *value_scales;   /* [places]; zero where there is none */
    float *scores;         /* [GROUP][places] */
    float *rows;           /* [8][stride of keys or values]: as they are loaded */
    const int32_t *queries; /* [count][words] */
    const float *query_scales;
};

static struct rounded operands(const struct attention *a) {
    struct rounded r;
    r.words = a->key_stride / 2;
    r.keys = (int32_t *)(((uintptr_t)a->scratch + 63) / 64 * 64);
    r.values = r.keys + whole(a->places, WIDE) * r.words;
    r.factors = r.values + whole(a->sum_stride, WIDE) * (a->places / 2);
    r.key_scales = (float *)(r.factors + GROUP * (a->places / 2));
    r.value_scales = r.key_scales + a->places;
    r.scores = r.value_scales + a->places;
    r.rows = r.scores + GROUP * a->places;
    r.queries = (const int32_t *)(const void *)a->queries;
    r.query_scales = a->queries + (int64_t)a->count * r.words;
    return r;
}

/* Adding 1.5 * 2^23 rounds and leaves the integer in the low bits. */
INLINE wide_floats rounded(const float *x, wide_floats factor) {
    return fma_wide(load_wide(x), factor, all_wide(12582912.0f));
}

/* The eight words of sixteen elements. */
INLINE u8x32 words_of(const float *x, float factor) {
    const wide_floats f = all_wide(factor), first = rounded(x, f);
    const f32x8 low = eight_of_wide(first, 0);
    const f32x8 high = SIXTEEN == 1 ? eight_of_wide(first, 1) : eight_of_wide(rounded(x + 8, f), 0);
    return (u8x32)(((u32x8)low & 0xffff) | ((u32x8)high << 16));
}

/* Words of two rows, each with its factor. */
INLINE wide_bits words_of_two(const float *low, wide_floats low_factor, const float *high, wide_floats high_factor) {
    return ((wide_bits)rounded(low, low_factor) & 0xffff) | ((wide_bits)rounded(high, high_factor) << 16);
}

void NAME(round_queries)(const float *queries, int32_t count, int32_t stride, float *rounded);
void NAME(round_queries)(const float *queries, int32_t count, int32_t stride, float *rounded) {
    float *scales = rounded + (int64_t)count * stride / 2;
    for (int64_t n = 0; n < count; n++) {
        const float *row = queries + n * stride;
        float length = length_of(row, stride), factor = factor_of(length, LENGTH);
        for (int k = 0; k < stride; k += LANES) {
            u8x32 words = words_of(row + k, factor);
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
        ask_ahead(a, first, 8);
        for (int i = 0; i < 8; i++) {
            load_key(a, first + i, r->rows + i * a->key_stride);
            keys[i] = r->rows + i * a->key_stride;
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
                words[i] = words_of(keys[i] + k, factors[i]);
            }
            transpose8(words);
            for (int i = 0; i < 8; i++) {
                memcpy(panel + (k / 2 + i) * WIDE, &words[i], sizeof words[i]);
            }
        }
    }
}

static void pack_values(const struct attention *a, const struct rounded *r) {
    const int stride = a->sum_stride, panel = a->places / 2 * WIDE;
    float *values[2] = {r->rows, r->rows + stride};
    wide_floats factors[2];
    for (int place = 0; place < a->places; place++) {
        r->value_scales[place] = 0;
    }
    for (int word = a->from / 16 * 8; word < whole(a->to, 16) / 2; word++) {
        for (int i = 0; i < 2; i++) {
            int place = word / 8 * 16 + word % 8 + 8 * i;
            bool is_there = place >= a->from && place < a->to;
            load_value(a, place, values[i]);
            float largest = largest_magnitude(values[i], stride);
            factors[i] = all_wide(is_there ? factor_of(largest, LARGEST_VALUE) : 0);
            r->value_scales[place] = is_there ? largest / LARGEST_VALUE : 0;
        }
        int32_t *to = r->values + word * WIDE;
        for (int first = 0; first < stride; first += WIDE, to += panel) {
            for (int c = first; c < first + WIDE && c < stride; c += WIDE_LANES) {
                wide_bits words = words_of_two(values[0] + c, factors[0], values[1] + c, factors[1]);
                memcpy(to + c - first, &words, sizeof words);
            }
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

/* Rows of words of QUERIES queries from the i-th of the group on; behind the last one it is the last again. */
INLINE void rows_from(const int32_t *words, int stride, const struct group *g, int i, const int32_t **rows) {
    for (int m = 0; m < QUERIES; m++) {
        rows[m] = words + (int64_t)(i + m < g->count ? i + m : g->count - 1) * stride;
    }
}

/* The places that any of QUERIES queries from the i-th of the group on sees. */
INLINE void seen_by_any(const struct group *g, int i, int *from, int *to) {
    *from = g->to;
    *to = 0;
    for (int m = i; m < i + QUERIES && m < g->count; m++) {
        bool sees = g->lowest[m] < g->end[m];
        *from = sees && g->lowest[m] < *from ? g->lowest[m] : *from;
        *to = sees && g->end[m] > *to ? g->end[m] : *to;
    }
}

/* scores = scale * query . key */
static void score(const struct attention *a, const struct rounded *r, const struct group *g) {
    for (int place = g->from / WIDE * WIDE; place < g->to; place += WIDE) {
        const int32_t *panel = r->keys + (int64_t)(place / WIDE * r->words) * WIDE;
        panel_floats key_scales[PANEL_VECTORS];
        for (int v = 0; v < PANEL_VECTORS; v++) {
            key_scales[v] = panel_load_floats(r->key_scales + place + v * PANEL_LANES);
        }
        for (int i = 0; i < g->count; i += QUERIES) {
            const int32_t *rows[QUERIES];
            struct products products;
            int from, to;
            seen_by_any(g, i, &from, &to);
            if (place + WIDE <= from || place >= to) {
                continue;
            }
            rows_from(r->queries + (int64_t)g->first * r->words, r->words, g, i, rows);
            multiply_words(panel, rows, r->words, &products);
#pragma GCC unroll 4
            for (int m = 0; m < QUERIES; m++) {
                if (i + m < g->count) {
                    panel_floats scale = panel_all_floats(r->query_scales[g->first + i + m] * a->scale);
                    float *scores = g->scores + (i + m) * a->places + place;
#pragma GCC unroll 4
                    for (int v = 0; v < PANEL_VECTORS; v++) {
                        panel_floats score = panel_multiply(product_at(&products, m, v), scale);
                        panel_store_floats(scores + v * PANEL_LANES, panel_multiply(score, key_scales[v]));
                    }
                }
            }
        }
    }
}

/* Factors of the group's queries at all places that any of them sees, in whole steps of values. */
static void round_factors(const struct attention *a, const struct rounded *r, const struct group *g) {
    for (int i = 0; i < g->count; i++) {
        const int from = g->lowest[i] / 16 * 16, to = (int)whole(g->end[i], 16);
        const float factor = factor_of(g->units[i], 1), *scores = g->scores + i * a->places;
        int32_t *factors = r->factors + i * (a->places / 2);
        for (int k = g->from / 16 * 16; k < g->to; k += 16) {
            u8x32 words = {0};
            if (k >= from && k < to) {
                words = words_of(scores + k, factor);
            }
            memcpy(factors + k / 2, &words, sizeof words);
        }
    }
}

/* weighted = what is left of it + factor * value */
static void weigh(const struct attention *a, const struct rounded *r, const struct group *g) {
    const int words = a->places / 2;
    for (int c = 0; c < a->sum_stride; c += WIDE) {
        const int32_t *panel = r->values + (int64_t)c * words;
        for (int i = 0; i < g->count; i += QUERIES) {
            const int32_t *rows[QUERIES];
            struct products products;
            int from, to;
            seen_by_any(g, i, &from, &to);
            from = from / 16 * 8;
            to = (int)whole(to, 16) / 2;
            if (from >= to) {
                continue;
            }
            rows_from(r->factors + from, words, g, i, rows);
            multiply_words(panel + from * WIDE, rows, to - from, &products);
#pragma GCC unroll 4
            for (int m = 0; m < QUERIES; m++) {
                if (i + m < g->count) {
                    panel_floats unit = panel_all_floats(g->units[i + m]), left = panel_all_floats(g->faded[i + m]);
                    float *weighted = a->weighted + (int64_t)(g->first + i + m) * a->sum_stride + c;
#pragma GCC unroll 4
                    for (int v = 0; v < PANEL_VECTORS; v++) {
                        float *at = weighted + v * PANEL_LANES;
                        if (c + v * PANEL_LANES < a->sum_stride) {
                            panel_floats before = panel_multiply(panel_load_floats(at), left);
                            panel_store_floats(at, panel_fma(product_at(&products, m, v), unit, before));
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
    struct group g = {.scores = r.scores};
    pack_keys(a, &r);
    pack_values(a, &r);
    EACH_GROUP(a, &g, {
        score(a, &r, &g);
        soften_scores(a, &g, r.value_scales);
        round_factors(a, &r, &g);
        weigh(a, &r, &g);
    })
}
