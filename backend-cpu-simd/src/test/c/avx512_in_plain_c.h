/*
 * The AVX-512 operations that the kernels use, in plain C, so that the AVX-512 sources run and are tested on any machine
 * that has AVX2. Included before everything else (-include); what each operation does is Intel's definition of it.
 */
#ifndef JUGGLER_AVX512_IN_PLAIN_C_H
#define JUGGLER_AVX512_IN_PLAIN_C_H

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Vectors of 64 bytes are taken to pieces here; nothing but these sources meets them. */
#pragma GCC diagnostic ignored "-Wpsabi"

#define __AVX512VNNI__ 1
#define PLAIN static inline __attribute__((unused))

typedef union {
    int32_t i[16];
    uint32_t n[16];
    float f[16];
    int16_t s[32];
    int8_t b[64];
    uint8_t u[64];
} plain512;

#define __m512i plain512
#define __m512 plain512

#define EACH(expression) \
    plain512 r; \
    for (int k = 0; k < 16; k++) { \
        expression; \
    } \
    return r

PLAIN plain512 plain_load(const void *p) {
    plain512 r;
    memcpy(&r, p, sizeof r);
    return r;
}
PLAIN void plain_store(void *p, plain512 v) { memcpy(p, &v, sizeof v); }
PLAIN plain512 plain_zero(void) { EACH(r.i[k] = 0); }
PLAIN plain512 plain_all(int32_t a) { EACH(r.i[k] = a); }
PLAIN plain512 plain_all_floats(float a) { EACH(r.f[k] = a); }
PLAIN plain512 plain_add(plain512 a, plain512 b) { EACH(r.n[k] = a.n[k] + b.n[k]); }
PLAIN plain512 plain_sub(plain512 a, plain512 b) { EACH(r.n[k] = a.n[k] - b.n[k]); }
PLAIN plain512 plain_mullo(plain512 a, plain512 b) { EACH(r.n[k] = a.n[k] * b.n[k]); }
PLAIN plain512 plain_slli(plain512 a, int by) { EACH(r.n[k] = a.n[k] << by); }
PLAIN plain512 plain_srai(plain512 a, int by) { EACH(r.i[k] = a.i[k] >> by); }
PLAIN plain512 plain_to_floats(plain512 a) { EACH(r.f[k] = (float)a.i[k]); }
PLAIN plain512 plain_mul(plain512 a, plain512 b) { EACH(r.f[k] = a.f[k] * b.f[k]); }
PLAIN plain512 plain_fma(plain512 a, plain512 b, plain512 c) { EACH(r.f[k] = fmaf(a.f[k], b.f[k], c.f[k])); }
PLAIN plain512 plain_minus_fma(plain512 a, plain512 b, plain512 c) { EACH(r.f[k] = fmaf(-a.f[k], b.f[k], c.f[k])); }

PLAIN int32_t plain_quad(int32_t sum, const uint8_t *u, const int8_t *b) {
    uint32_t r = (uint32_t)sum;
    for (int j = 0; j < 4; j++) {
        r += (uint32_t)(u[j] * b[j]);
    }
    return (int32_t)r;
}
PLAIN int32_t plain_pair(int32_t sum, const int16_t *a, const int16_t *b) {
    return (int32_t)((uint32_t)sum + (uint32_t)(a[0] * b[0]) + (uint32_t)(a[1] * b[1]));
}
PLAIN plain512 plain_dpbusd(plain512 sum, plain512 u, plain512 s) {
    EACH(r.i[k] = plain_quad(sum.i[k], u.u + 4 * k, s.b + 4 * k));
}
PLAIN plain512 plain_dpwssd(plain512 sum, plain512 a, plain512 b) {
    EACH(r.i[k] = plain_pair(sum.i[k], a.s + 2 * k, b.s + 2 * k));
}

PLAIN __m256i plain_half_dpbusd(__m256i sum, __m256i u, __m256i s) {
    plain512 a = {{0}}, b = {{0}}, c = {{0}};
    memcpy(&a, &sum, 32);
    memcpy(&b, &u, 32);
    memcpy(&c, &s, 32);
    a = plain_dpbusd(a, b, c);
    memcpy(&sum, &a, 32);
    return sum;
}
PLAIN __m256i plain_half_dpwssd(__m256i sum, __m256i x, __m256i y) {
    plain512 a = {{0}}, b = {{0}}, c = {{0}};
    memcpy(&a, &sum, 32);
    memcpy(&b, &x, 32);
    memcpy(&c, &y, 32);
    a = plain_dpwssd(a, b, c);
    memcpy(&sum, &a, 32);
    return sum;
}

#undef _mm256_dpbusd_epi32
#undef _mm256_dpwssd_epi32
PLAIN plain512 plain_larger(plain512 a, plain512 b) { EACH(r.f[k] = a.f[k] > b.f[k] ? a.f[k] : b.f[k]); }
PLAIN plain512 plain_smaller(plain512 a, plain512 b) { EACH(r.f[k] = a.f[k] < b.f[k] ? a.f[k] : b.f[k]); }
PLAIN int plain_compare(plain512 a, plain512 b, int equal) {
    int mask = 0;
    for (int k = 0; k < 16; k++) {
        mask |= (equal ? a.f[k] == b.f[k] : a.f[k] < b.f[k]) << k;
    }
    return mask;
}
PLAIN plain512 plain_blend(int mask, plain512 a, plain512 b) { EACH(r.f[k] = mask >> k & 1 ? b.f[k] : a.f[k]); }

typedef float plain_wide __attribute__((vector_size(64)));
PLAIN plain512 plain_of_wide(plain_wide v) {
    plain512 r;
    memcpy(&r, &v, sizeof r);
    return r;
}
PLAIN plain_wide wide_of_plain(plain512 v) {
    plain_wide r;
    memcpy(&r, &v, sizeof r);
    return r;
}

PLAIN plain512 plain_halves(__m256i v) {
    uint16_t e[16];
    memcpy(e, &v, sizeof e);
    EACH(r.f[k] = _cvtsh_ss(e[k]));
}
PLAIN float plain_largest(plain512 a) {
    float most = a.f[0];
    for (int k = 1; k < 16; k++) {
        most = a.f[k] > most ? a.f[k] : most;
    }
    return most;
}
PLAIN plain512 plain_sub_floats(plain512 a, plain512 b) { EACH(r.f[k] = a.f[k] - b.f[k]); }
PLAIN plain512 plain_scale(plain512 a, plain512 b) { EACH(r.f[k] = a.f[k] * exp2f(floorf(b.f[k]))); }

PLAIN __m256 plain_eight(plain512 v, int i) { return _mm256_loadu_ps(v.f + 8 * i); }

#define AS_512 plain_of_wide
#define AS_WIDE wide_of_plain
#define _mm512_max_ps plain_larger
#define _mm512_min_ps plain_smaller
#define _mm512_cmp_ps_mask(a, b, how) plain_compare(a, b, (how) == _CMP_EQ_OQ)
#define _mm512_mask_blend_ps plain_blend
#define _mm512_reduce_max_ps plain_largest
#define _mm512_cvtph_ps plain_halves
#define _mm512_sub_ps plain_sub_floats
#define _mm512_scalef_ps plain_scale
#define _mm512_castps512_ps256(v) plain_eight(v, 0)
#define _mm512_extractf32x8_ps plain_eight
#define _mm512_loadu_si512 plain_load
#define _mm512_storeu_si512 plain_store
#define _mm512_loadu_ps plain_load
#define _mm512_storeu_ps plain_store
#define _mm512_setzero_si512 plain_zero
#define _mm512_set1_epi32 plain_all
#define _mm512_set1_ps plain_all_floats
#define _mm512_add_epi32 plain_add
#define _mm512_sub_epi32 plain_sub
#define _mm512_mullo_epi32 plain_mullo
#define _mm512_slli_epi32 plain_slli
#define _mm512_srai_epi32 plain_srai
#define _mm512_cvtepi32_ps plain_to_floats
#define _mm512_mul_ps plain_mul
#define _mm512_fmadd_ps plain_fma
#define _mm512_fnmadd_ps plain_minus_fma
#define _mm512_dpbusd_epi32 plain_dpbusd
#define _mm512_dpwssd_epi32 plain_dpwssd
#define _mm256_dpbusd_epi32 plain_half_dpbusd
#define _mm256_dpwssd_epi32 plain_half_dpwssd

#endif
