/* Floats in vectors as wide as the machine has them, for what is done to each element alone. */
#ifndef JUGGLER_WIDE_H
#define JUGGLER_WIDE_H

#include "vectors.h"

#if defined(__AVX512VNNI__)

enum { WIDE_LANES = 16 };
typedef float wide_floats __attribute__((vector_size(64)));
typedef uint32_t wide_bits __attribute__((vector_size(64)));

/* Between these and the types of the operations. */
#ifndef AS_512
#define AS_512(v) ((__m512)(v))
#define AS_WIDE(v) ((wide_floats)(v))
#endif

INLINE wide_floats all_wide(float a) { return AS_WIDE(_mm512_set1_ps(a)); }
INLINE wide_floats fma_wide(wide_floats a, wide_floats b, wide_floats c) {
    return AS_WIDE(_mm512_fmadd_ps(AS_512(a), AS_512(b), AS_512(c)));
}
INLINE wide_floats larger_wide(wide_floats a, wide_floats b) {
    return AS_WIDE(_mm512_max_ps(AS_512(a), AS_512(b)));
}
INLINE wide_floats bounded_wide(wide_floats v, float least, float most) {
    return AS_WIDE(_mm512_min_ps(_mm512_max_ps(AS_512(v), _mm512_set1_ps(least)), _mm512_set1_ps(most)));
}
INLINE wide_floats at_least_wide(wide_floats v, float least) {
    return AS_WIDE(_mm512_max_ps(_mm512_set1_ps(least), AS_512(v)));
}
INLINE wide_floats where_less_wide(wide_floats a, wide_floats b, wide_floats yes, wide_floats no) {
    return AS_WIDE(_mm512_mask_blend_ps(_mm512_cmp_ps_mask(AS_512(a), AS_512(b), _CMP_LT_OQ), AS_512(no), AS_512(yes)));
}
INLINE wide_floats where_number_wide(wide_floats a, wide_floats yes, wide_floats no) {
    return AS_WIDE(_mm512_mask_blend_ps(_mm512_cmp_ps_mask(AS_512(a), AS_512(a), _CMP_EQ_OQ), AS_512(no), AS_512(yes)));
}
INLINE wide_floats scaled_wide(wide_floats v, wide_floats power) {
    return AS_WIDE(_mm512_scalef_ps(AS_512(v), _mm512_sub_ps(AS_512(power), _mm512_set1_ps(12582912.0f))));
}
INLINE float largest_of_wide(wide_floats v) { return _mm512_reduce_max_ps(AS_512(v)) + 0.0f; }
INLINE wide_floats halves_wide(const uint8_t *p) {
    return AS_WIDE(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p)));
}
INLINE f32x8 eight_of_wide(wide_floats v, const int i) {
    return i == 0 ? (f32x8)_mm512_castps512_ps256(AS_512(v)) : (f32x8)_mm512_extractf32x8_ps(AS_512(v), 1);
}

#else

enum { WIDE_LANES = 8 };
typedef f32x8 wide_floats;
typedef u32x8 wide_bits;

INLINE wide_floats all_wide(float a) { return all8(a); }
INLINE wide_floats fma_wide(wide_floats a, wide_floats b, wide_floats c) { return fma8(a, b, c); }
/* The larger of each two; of a NaN and a number, where the NaN is in a, the number. */
INLINE wide_floats larger_wide(wide_floats a, wide_floats b) { return larger8(a, b); }
/* A number that is neither too small nor too large; any of these, or itself, for a NaN. */
INLINE wide_floats bounded_wide(wide_floats v, float least, float most) { return bounded8(v, least, most); }
/* Written with masks: gcc keeps a choice between floats a branch, which it does not vectorize. */
INLINE wide_floats choose_wide(i32x8 mask, wide_floats yes, wide_floats no) {
    return (f32x8)((mask & (i32x8)yes) | (~mask & (i32x8)no));
}
/* A number that is not too small; a NaN stays one. */
INLINE wide_floats at_least_wide(wide_floats v, float least) { return choose_wide(v < all8(least), all8(least), v); }
/* a < b ? yes : no */
INLINE wide_floats where_less_wide(wide_floats a, wide_floats b, wide_floats yes, wide_floats no) {
    return choose_wide(a < b, yes, no);
}
/* no where a is a NaN */
INLINE wide_floats where_number_wide(wide_floats a, wide_floats yes, wide_floats no) {
    return choose_wide(a == a, yes, no);
}
/* Lanes 8 * i to 8 * i + 7. */
INLINE f32x8 eight_of_wide(wide_floats v, const int i) {
    (void)i;
    return v;
}
/* The largest, none of which is NaN: as integers, in the order of floats. Of zeros it is 0, not -0. */
INLINE float largest_of_wide(wide_floats v) {
    const i32x8 bits = (i32x8)v;
    const int32_t largest = largest_int_of(bits ^ ((bits >> 31) & 0x7fffffff));
    return float_of_bits(largest ^ ((largest >> 31) & 0x7fffffff)) + 0.0f;
}
/* As many halves as floats. */
INLINE wide_floats halves_wide(const uint8_t *p) { return halves8(p); }
/* v * 2^n, which is not too small, where n is in the low bits of power = n + 1.5 * 2^23; a NaN stays one. */
INLINE wide_floats scaled_wide(wide_floats v, wide_floats power) {
    return where_number_wide(v, (wide_floats)((wide_bits)v + ((wide_bits)power << 23)), v);
}
#endif

LOADER(load_wide, wide_floats)
INLINE void store_wide(float *p, wide_floats v) { memcpy(p, &v, sizeof v); }

/* v * 2^n by the bits of a float; n is in the low bits of power. */
INLINE wide_floats times_power_wide(wide_floats v, wide_floats power) {
    return (wide_floats)((wide_bits)v + ((wide_bits)power << 23));
}

/* Adds eight lanes after eight lanes. */
INLINE f32x8 add_eights_of_wide(f32x8 sums, wide_floats v) {
#pragma GCC unroll 2
    for (int i = 0; i < WIDE_LANES / 8; i++) {
        sums += eight_of_wide(v, i);
    }
    return sums;
}

#endif
