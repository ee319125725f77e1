/*
 * A tile of attention with a running softmax (Milakov and Gimelshein 2018, arXiv:1805.02867), in each instruction set.
 * Sums are taken in the order of AttentionTile.java, so results agree with it bit for bit.
 */
#include "exponential.h"
#include "floats.h"
#include "product.h"

/* Vectors of sums that stay in registers while a tile's values pass. */
enum { SUMS = 4 };

/* scores = scale * query . key for all queries and the places that hold keys. */
static void score(const struct attention *a) {
    for (int place = a->from; place < a->to; place += FLOAT_ROWS) {
        const uint8_t *keys[FLOAT_ROWS];
        for (int r = 0; r < FLOAT_ROWS; r++) {
            int inside = place + r < a->to ? place + r : a->to - 1;
            keys[r] = (const uint8_t *)(a->keys + (int64_t)inside * a->key_stride);
        }
        for (int n = 0; n < a->count; n += FLOAT_X) {
            float dots[FLOAT_ROWS][FLOAT_X];
            const float *queries[FLOAT_X];
            for (int m = 0; m < FLOAT_X; m++) {
                int inside = n + m < a->count ? n + m : a->count - 1;
                queries[m] = a->queries + (int64_t)inside * a->key_stride;
            }
            float_tile(F32, FLOAT_ROWS, FLOAT_X, keys, a->key_stride, queries, dots);
            for (int m = 0; m < FLOAT_X && n + m < a->count; m++) {
                for (int r = 0; r < FLOAT_ROWS && place + r < a->to; r++) {
                    a->scores[(n + m) * a->places + place + r] = a->scale * dots[r][m];
                }
            }
        }
    }
}

/* cap * tanh(score / cap), with tanh(x) = 1 - 2 / (exp(2x) + 1). */
static void cap_scores(float *scores, int count, float cap) {
    for (int i = 0; i < count; i++) {
        scores[i] = cap * (1 - 2 / (exponential(scores[i] * (2 / cap)) + 1));
    }
}

/* Eight sums, then halves are added. */
static float sum(const float *x, int count) {
    f32x8 s = {0};
    for (int i = 0; i < count; i += 8) {
        s += load_f32x8(x + i);
    }
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/* Turns the scores of a query at places [from, to) into factors, and adjusts its state to the new largest. */
static void soften(const struct attention *a, int n, int from, int to) {
    float *scores = a->scores + n * a->places;
    if (a->cap != 0) {
        cap_scores(scores + from, to - from, a->cap);
    }
    float before = a->softmax[2 * n], largest = before;
    for (int i = from; i < to; i++) {
        /* A NaN stays one. */
        largest = scores[i] > largest || scores[i] != scores[i] ? scores[i] : largest;
    }
    if (largest > before && before != -INFINITY) {
        float factor = exponential(before - largest);
        float *weighted = a->weighted + (int64_t)n * a->sum_stride;
        a->softmax[2 * n + 1] *= factor;
        for (int i = 0; i < a->sum_stride; i++) {
            weighted[i] *= factor;
        }
    }
    a->softmax[2 * n] = largest;
    for (int i = 0; i < from; i++) {
        scores[i] = 0;
    }
    for (int i = from; i < to; i++) {
        scores[i] = exponential(scores[i] - largest);
    }
    for (int i = to; i < a->places; i++) {
        scores[i] = 0;
    }
    a->softmax[2 * n + 1] += sum(scores, a->places);
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
#pragma GCC unroll 2
            for (int q = 0; q < query_count; q++) {
                f32x8 factor = all8(a->scores[(n + q) * a->places + j]);
#pragma GCC unroll 4
                for (int i = 0; i < width; i++) {
                    sums[q][i] = fma8(factor, load_f32x8(value + 8 * i), sums[q][i]);
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
        int position = a->position + row;
        int lowest = a->window == 0 || position < a->window ? 0 : position - a->window + 1;
        int from = lowest > a->first ? lowest - a->first : 0;
        int to = position + 1 - a->first < a->places ? position + 1 - a->first : a->places;
        if (from >= to) {
            continue;
        }
        int n = row * a->heads, end = n + a->heads;
        for (int i = n; i < end; i++) {
            soften(a, i, from, to);
        }
        for (; n + 1 < end; n += 2) {
            weigh_queries(a, 2, n, from, to);
        }
        if (n < end) {
            weigh_queries(a, 1, n, from, to);
        }
    }
}
