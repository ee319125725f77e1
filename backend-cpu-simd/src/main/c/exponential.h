/*
 * The exponential function, of one number and of a vector: constants and order of operations are those of
 * Exponential.java.
 */
#ifndef JUGGLER_EXPONENTIAL_H
#define JUGGLER_EXPONENTIAL_H

#include <math.h>

#include "wide.h"

INLINE wide_floats exponentials_of(wide_floats x) {
    wide_floats bounded = bounded_wide(x, -87.3f, 88.3f);
    wide_floats rounded = fma_wide(bounded, all_wide(1.442695f), all_wide(12582912.0f));
    wide_floats n = rounded - 12582912.0f;
    wide_floats r = fma_wide(n, all_wide(2.12194440e-4f), fma_wide(n, all_wide(-0x1.63p-1f), bounded));
    wide_floats p = fma_wide(all_wide(1.0f / 5040), r, all_wide(1.0f / 720));
    p = fma_wide(p, r, all_wide(1.0f / 120));
    p = fma_wide(p, r, all_wide(1.0f / 24));
    p = fma_wide(p, r, all_wide(1.0f / 6));
    p = fma_wide(p, r, all_wide(1.0f / 2));
    p = fma_wide(p, r, all_wide(1.0f));
    p = fma_wide(p, r, all_wide(1.0f));
    wide_floats result = p * times_power_wide(all_wide(1.0f), rounded);
    result = where_less_wide(x, all_wide(-87.3f), all_wide(0.0f), result);
    result = where_less_wide(all_wide(88.3f), x, all_wide(INFINITY), result);
    return where_number_wide(x, result, x);
}

INLINE float exponential(float x) { return exponentials_of(all_wide(x))[0]; }

#endif
