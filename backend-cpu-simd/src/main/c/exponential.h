/*
 * The exponential function, of one number and of eight: constants and order of operations are those of Exponential.java.
 * Eight are written out, because gcc keeps a choice between floats a branch, which it does not vectorize.
 */
#ifndef JUGGLER_EXPONENTIAL_H
#define JUGGLER_EXPONENTIAL_H

#include <math.h>

#include "vectors.h"

/* Where the mask is set `a`, else `b`. */
INLINE f32x8 choose8(i32x8 mask, f32x8 a, f32x8 b) { return (f32x8)((mask & (i32x8)a) | (~mask & (i32x8)b)); }

INLINE f32x8 exponential8(f32x8 x) {
    f32x8 bounded = bounded8(x, -87.3f, 88.3f);
    f32x8 rounded = fma8(bounded, all8(1.442695f), all8(12582912.0f));
    f32x8 n = rounded - 12582912.0f;
    f32x8 r = fma8(n, all8(2.12194440e-4f), fma8(n, all8(-0x1.63p-1f), bounded));
    f32x8 p = fma8(all8(1.0f / 5040), r, all8(1.0f / 720));
    p = fma8(p, r, all8(1.0f / 120));
    p = fma8(p, r, all8(1.0f / 24));
    p = fma8(p, r, all8(1.0f / 6));
    p = fma8(p, r, all8(1.0f / 2));
    p = fma8(p, r, all8(1.0f));
    p = fma8(p, r, all8(1.0f));
    f32x8 power = (f32x8)(((u32x8)rounded << 23) + 0x3f800000u);
    f32x8 result = p * power;
    result = choose8(x < -87.3f, all8(0.0f), result);
    result = choose8(x > 88.3f, all8(INFINITY), result);
    return choose8(x == x, result, x);
}

INLINE float exponential(float x) { return exponential8(all8(x))[0]; }

#endif
