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
INLINE f32x8 capped(f32x8 score, float cap) {
    return cap * (1.0f - 2.0f / (exponential8(score * (2 / cap)) + 1.0f));
}

/* The largest of eight, none of which is NaN: as integers, in the order of floats. */
INLINE float largest_of(f32x8 v) {
    const i32x8 bits = (i32x8)v;
    const int32_t largest = largest_int_of(bits ^ ((bits >> 31) & 0x7fffffff));
    return float_of_bits(largest ^ ((largest >> 31) & 0x7fffffff));
}

/*
 * The exponential of what is not above zero, within 4e-6 of itself, or 2^-125: 2^n by the bits of a float, 2^r by a Taylor
 * series. Half of the work of exponential8, and enough for what is rounded to 16 bits.
 */
INLINE f32x8 rough_exponential8(f32x8 x) {
    const f32x8 bounded = bounded8(x * 1.442695041f, -125, 0);
    const f32x8 rounded = bounded + 12582912.0f, r = bounded - (rounded - 12582912.0f);
    f32x8 p = fma8(all8(1.3333558e-3f), r, all8(9.6181291e-3f));
    p = fma8(p, r, all8(5.5504109e-2f));
    p = fma8(p, r, all8(2.4022651e-1f));
    p = fma8(p, r, all8(6.9314718e-1f));
    p = fma8(p, r, all8(1.0f));
    const f32x8 result = (f32x8)((u32x8)p + ((u32x8)rounded << 23));
    return choose8(x == x, result, x);
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
    f32x8 most = all8(before);
    for (int i = 0; i < a->places; i += 8) {
        f32x8 v = load_f32x8(scores + i);
        if (a->cap != 0) {
            v = choose8(v == -INFINITY, v, capped(v, a->cap));
            memcpy(scores + i, &v, sizeof v);
        }
        most = larger8(v, most);
    }
    float largest = largest_of(most);
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
    for (int i = 0; i < a->places; i += 8) {
        f32x8 v = load_f32x8(scores + i) - largest;
        v = rough ? rough_exponential8(v) : exponential8(v);
        memcpy(scores + i, &v, sizeof v);
        total += v;
    }
    a->softmax[2 * n + 1] += sum_of(total);
}

#endif
