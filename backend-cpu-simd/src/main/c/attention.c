/*
 * A tile of attention in F32, in each instruction set. Sums are taken in the order of AttentionTile.java, so results agree
 * with it bit for bit.
 */
#include "rows.h"
#include "softmax.h"

/* Vectors of sums that stay in registers while a tile's values pass. */
enum { SUMS = 4 };

/* Keys and queries that are multiplied together: twelve vectors of sums, two keys and a query in registers. */
enum { KEYS = 2, QUERIES = 3 };

/*
 * Dot products of KEYS keys with QUERIES queries. Element k goes to partial sum k % 16, as in floats.h; width is a
 * multiple of 16.
 */
INLINE void dots(const float *const *keys, const float *const *queries, int width, f32x8 *results) {
    f32x8 low[KEYS * QUERIES + 2] = {0}, high[KEYS * QUERIES + 2] = {0}, sums[KEYS * QUERIES + 2];
    for (int k = 0; k < width; k += LANES) {
        f32x8 key[KEYS];
#pragma GCC unroll 2
        for (int r = 0; r < KEYS; r++) {
            key[r] = load_f32x8(keys[r] + k);
        }
#pragma GCC unroll 3
        for (int m = 0; m < QUERIES; m++) {
            f32x8 query = (f32x8)load_once((const uint8_t *)(queries[m] + k));
#pragma GCC unroll 2
            for (int r = 0; r < KEYS; r++) {
                low[r * QUERIES + m] = fma8(key[r], query, low[r * QUERIES + m]);
            }
        }
#pragma GCC unroll 2
        for (int r = 0; r < KEYS; r++) {
            key[r] = load_f32x8(keys[r] + k + 8);
        }
#pragma GCC unroll 3
        for (int m = 0; m < QUERIES; m++) {
            f32x8 query = (f32x8)load_once((const uint8_t *)(queries[m] + k + 8));
#pragma GCC unroll 2
            for (int r = 0; r < KEYS; r++) {
                high[r * QUERIES + m] = fma8(key[r], query, high[r * QUERIES + m]);
            }
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < KEYS * QUERIES + 2; i++) {
        sums[i] = low[i] + high[i];
    }
    *results = sums_of_eight_floats(sums);
}

/* scores = scale * query . key for queries [first, end) and KEYS places. */
INLINE void score_places(const struct attention *a, int first, int end, int place) {
    const float *keys[KEYS];
    for (int r = 0; r < KEYS; r++) {
        int inside = place + r < a->to ? place + r : a->to - 1;
        keys[r] = a->keys + (int64_t)inside * a->key_stride;
    }
    for (int n = first; n < end; n += QUERIES) {
        const float *queries[QUERIES];
        f32x8 results;
        for (int m = 0; m < QUERIES; m++) {
            int inside = n + m < end ? n + m : end - 1;
            queries[m] = a->queries + (int64_t)inside * a->key_stride;
        }
        dots(keys, queries, a->key_stride, &results);
        results *= a->scale;
        for (int m = 0; m < QUERIES && n + m < end; m++) {
            for (int r = 0; r < KEYS && place + r < a->to; r++) {
                a->scores[(n + m) * a->places + place + r] = results[r * QUERIES + m];
            }
        }
    }
}

/* Scores of all queries at the places that hold keys; of a few queries at a time, which stay in the L1 cache. */
static void score(const struct attention *a) {
    enum { FEW_QUERIES = 4 * QUERIES };
    for (int first = 0; first < a->count; first += FEW_QUERIES) {
        int end = first + FEW_QUERIES < a->count ? first + FEW_QUERIES : a->count;
        for (int place = a->from; place < a->to; place += KEYS) {
            score_places(a, first, end, place);
        }
    }
}

/* weighted += factor * value for query_count queries that see the same places. */
INLINE void weigh(const struct attention *a, const int query_count, const int width, int n, int from, int to) {
    for (int c = 0; c + 8 * width <= a->sum_stride; c += 8 * width) {
        f32x8 sums[2][SUMS];
        for (int q = 0; q < query_count; q++) {
            for (int i = 0; i < width; i++) {
                sums[q][i] = load_f32x8(a->weighted + (int64_t)(n + q) * a->sum_stride + c + 8 * i);
            }
        }
        for (int j = from; j < to; j++) {
            const float *value = a->values + (int64_t)j * a->value_stride + c;
            f32x8 values[SUMS];
#pragma GCC unroll 4
            for (int i = 0; i < width; i++) {
                values[i] = (f32x8)load_once((const uint8_t *)(value + 8 * i));
            }
#pragma GCC unroll 2
            for (int q = 0; q < query_count; q++) {
                f32x8 factor = all8(a->scores[(n + q) * a->places + j]);
#pragma GCC unroll 4
                for (int i = 0; i < width; i++) {
                    sums[q][i] = fma8(factor, values[i], sums[q][i]);
                }
            }
        }
        for (int q = 0; q < query_count; q++) {
            for (int i = 0; i < width; i++) {
                memcpy(a->weighted + (int64_t)(n + q) * a->sum_stride + c + 8 * i, &sums[q][i], sizeof sums[q][i]);
            }
        }
    }
}

INLINE void weigh_queries(const struct attention *a, const int query_count, int n, int from, int to) {
    if (a->sum_stride % (8 * SUMS) == 0) {
        weigh(a, query_count, SUMS, n, from, to);
    } else {
        weigh(a, query_count, 2, n, from, to); /* strides are whole lanes of 16 */
    }
}

void NAME(attend)(const struct attention *a);
void NAME(attend)(const struct attention *a) {
    score(a);
    for (int row = 0; row * a->heads < a->count; row++) {
        int from, to;
        if (!visible(a, row, &from, &to)) {
            continue;
        }
        int n = row * a->heads, end = n + a->heads;
        for (int i = n; i < end; i++) {
            find_largest(a, i, from, to);
            soften(a, i);
        }
        for (; n + 1 < end; n += 2) {
            weigh_queries(a, 2, n, from, to);
        }
        if (n < end) {
            weigh_queries(a, 1, n, from, to);
        }
    }
}
