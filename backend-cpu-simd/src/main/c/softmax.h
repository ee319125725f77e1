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

/* The largest of eight, none of which is NaN: as integers, in the order of floats. */
INLINE float largest_of(f32x8 v) {
    const i32x8 bits = (i32x8)v;
    const int32_t largest = largest_int_of(bits ^ ((bits >> 31) & 0x7fffffff));
    return float_of_bits(largest ^ ((largest >> 31) & 0x7fffffff));
}

INLINE float largest_of_wide(wide_floats v) {
    f32x8 most = eight_of_wide(v, 0);
    for (int i = 1; i < WIDE_LANES / 8; i++) {
        most = larger8(eight_of_wide(v, i), most);
    }
    return largest_of(most);
}

/*
 * The exponential of what is not above zero, within 4e-6 of itself, or 2^-125: 2^n by the bits of a float, 2^r by a Taylor
 * series. Half of the work of exponentials_of, and enough for what is rounded to 16 bits.
 */
INLINE wide_floats rough_exponentials_of(wide_floats x) {
    const wide_floats bounded = bounded_wide(x * 1.442695041f, -125, 0);
    const wide_floats rounded = bounded + 12582912.0f, r = bounded - (rounded - 12582912.0f);
    wide_floats p = fma_wide(all_wide(1.3333558e-3f), r, all_wide(9.6181291e-3f));
    p = fma_wide(p, r, all_wide(5.5504109e-2f));
    p = fma_wide(p, r, all_wide(2.4022651e-1f));
    p = fma_wide(p, r, all_wide(6.9314718e-1f));
    p = fma_wide(p, r, all_wide(1.0f));
    return where_number_wide(x, times_power_wide(p, rounded), x);
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
INLINE void soften(const struct attention *a, const bool rough, int n) {
    float *scores = a->scores + n * a->places, largest = a->softmax[2 * n];
    f32x8 total = {0};
    for (int i = 0; i < a->places; i += WIDE_LANES) {
        wide_floats v = load_wide(scores + i) - largest;
        v = rough ? rough_exponentials_of(v) : exponentials_of(v);
        store_wide(scores + i, v);
        total = add_eights_of_wide(total, v);
    }
    a->softmax[2 * n + 1] += sum_of(total);
}

#endif
