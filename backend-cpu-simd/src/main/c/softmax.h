/* The running softmax of a tile of attention (Milakov and Gimelshein 2018, arXiv:1805.02867). */
#ifndef JUGGLER_SOFTMAX_H
#define JUGGLER_SOFTMAX_H

#include "exponential.h"
#include "product.h"

/* The places of the tile that a row sees; false if there are none. */
INLINE bool visible(const struct attention *a, int row, int *from, int *to) {
    int position = a->position + row;
    int lowest = a->window == 0 || position < a->window ? 0 : position - a->window + 1;
    *from = lowest > a->first ? lowest - a->first : 0;
    *to = position + 1 - a->first < a->places ? position + 1 - a->first : a->places;
    return *from < *to;
}

/* cap * tanh(score / cap), with tanh(x) = 1 - 2 / (exp(2x) + 1). */
INLINE wide_floats capped(wide_floats score, float cap) {
    return cap * (1.0f - 2.0f / (exponentials_of(score * (2 / cap)) + 1.0f));
}

/*
 * Takes the scores of a query at places [from, to) as those there are, and adjusts its state to the new largest. A NaN is
 * not the largest; it comes out in the sum.
 */
INLINE void find_largest(const struct attention *a, int n, int from, int to) {
    float *scores = a->scores + n * a->places;
    for (int i = 0; i < from; i++) {
        scores[i] = -INFINITY;
    }
    for (int i = to; i < a->places; i++) {
        scores[i] = -INFINITY;
    }
    float before = a->softmax[2 * n];
    wide_floats most = all_wide(before);
    for (int i = 0; i < a->places; i += WIDE_LANES) {
        wide_floats v = load_wide(scores + i);
        if (a->cap != 0) {
            v = where_less_wide(all_wide(-INFINITY), v, capped(v, a->cap), v);
            store_wide(scores + i, v);
        }
        most = larger_wide(v, most);
    }
    float largest = largest_of_wide(most);
    if (largest > before && before != -INFINITY) {
        float factor = exponential(before - largest);
        float *weighted = a->weighted + (int64_t)n * a->sum_stride;
        a->softmax[2 * n + 1] *= factor;
        for (int i = 0; i < a->sum_stride; i++) {
            weighted[i] *= factor;
        }
    }
    a->softmax[2 * n] = largest;
}

/*
 * Turns the scores of a query into factors: exponentials of what they are below the largest. Of places that are not seen
 * that is zero, or less than nothing beside one.
 */
INLINE void soften(const struct attention *a, int n) {
    float *scores = a->scores + n * a->places, largest = a->softmax[2 * n];
    f32x8 total = {0};
    for (int i = 0; i < a->places; i += WIDE_LANES) {
        wide_floats v = exponentials_of(load_wide(scores + i) - largest);
        store_wide(scores + i, v);
        total = add_eights_of_wide(total, v);
    }
    a->softmax[2 * n + 1] += sum_of(total);
}

#endif
