/* The exponential function: constants and order of operations are those of Exponential.java. */
#ifndef JUGGLER_EXPONENTIAL_H
#define JUGGLER_EXPONENTIAL_H

#include <math.h>

#include "types.h"

INLINE float exponential(float x) {
    float bounded = x > -87.3f ? x : -87.3f;
    bounded = bounded < 88.3f ? bounded : 88.3f;
    float rounded = __builtin_fmaf(bounded, 1.442695f, 12582912.0f);
    float n = rounded - 12582912.0f;
    float r = __builtin_fmaf(n, 2.12194440e-4f, __builtin_fmaf(n, -0x1.63p-1f, bounded));
    float p = __builtin_fmaf(1.0f / 5040, r, 1.0f / 720);
    p = __builtin_fmaf(p, r, 1.0f / 120);
    p = __builtin_fmaf(p, r, 1.0f / 24);
    p = __builtin_fmaf(p, r, 1.0f / 6);
    p = __builtin_fmaf(p, r, 1.0f / 2);
    p = __builtin_fmaf(p, r, 1.0f);
    p = __builtin_fmaf(p, r, 1.0f);
    uint32_t bits;
    memcpy(&bits, &rounded, 4);
    bits = (bits << 23) + 0x3f800000u;
    float power;
    memcpy(&power, &bits, 4);
    float result = p * power;
    result = x < -87.3f ? 0.0f : result;
    result = x > 88.3f ? INFINITY : result;
    return x == x ? result : x;
}

#endif
