/* The machine's own operations on x86: AVX2, and with AVX-512 the dot products of VNNI. */
#ifndef JUGGLER_VECTORS_X86_H
#define JUGGLER_VECTORS_X86_H

#include <immintrin.h>

/* For codes that share bytes: the compiler may take them from a register again, but not from memory. */
INLINE u8x32 load_once(const uint8_t *p) {
    u8x32 v = load_u8x32(p);
    __asm__("" : "+x"(v));
    return v;
}

INLINE float half_to_float(uint16_t half) { return _cvtsh_ss(half); }

/* Four F16 numbers at four places. */
INLINE f32x4 halves4(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
    __m128i bits = _mm_cvtsi32_si128(load_u16(a));
    bits = _mm_insert_epi16(bits, load_u16(b), 1);
    bits = _mm_insert_epi16(bits, load_u16(c), 2);
    bits = _mm_insert_epi16(bits, load_u16(d), 3);
    return (f32x4)_mm_cvtph_ps(bits);
}

/* Two F16 numbers that follow each other, at four places. */
INLINE void pairs_of_halves4(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, f32x4 *first,
                             f32x4 *second) {
    __m128i bits = _mm_setr_epi32((int)load_u32(a), (int)load_u32(b), (int)load_u32(c), (int)load_u32(d));
    __m256 all = _mm256_cvtph_ps(bits);
    __m128 low = _mm256_castps256_ps128(all), high = _mm256_extractf128_ps(all, 1);
    *first = (f32x4)_mm_shuffle_ps(low, high, 0x88);
    *second = (f32x4)_mm_shuffle_ps(low, high, 0xdd);
}

/* Two halves as one. */
INLINE u8x32 join(u8x16 low, u8x16 high) { return (u8x32)_mm256_set_m128i((__m128i)high, (__m128i)low); }

/* The low halves of both, or the high ones. */
INLINE i8x32 low_halves(i8x32 a, i8x32 b) { return (i8x32)_mm256_permute2x128_si256((__m256i)a, (__m256i)b, 0x20); }
INLINE i8x32 high_halves(i8x32 a, i8x32 b) { return (i8x32)_mm256_permute2x128_si256((__m256i)a, (__m256i)b, 0x31); }

/*
 * Eight bytes as shorts. Read as one number: where a half of a vector that was just put together is loaded as a vector,
 * GCC 12 may take the values of another branch of the function.
 */
INLINE void widen(const uint32_t *bytes, int16_t *shorts) {
    uint64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    _mm_storeu_si128((__m128i *)(void *)shorts, _mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)eight)));
}

/* Sixteen bytes as shorts. */
INLINE i16x16 widen16(u8x16 bytes) { return (i16x16)_mm256_cvtepu8_epi16((__m128i)bytes); }

/* The entry of a table of 16 for each byte, which is below 16. */
INLINE u8x32 look_up(const int8_t *table, u8x32 index) {
    __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
    return (u8x32)_mm256_shuffle_epi8(both, (__m256i)index);
}

/* `value` in each byte whose bit is set. */
INLINE u8x32 spread_bits(uint32_t bits, int value) {
    const __m256i pick = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i select = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i byte = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), pick);
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(byte, select), select);
    return (u8x32)_mm256_and_si256(set, _mm256_set1_epi8((char)value));
}

/* The same for two words: `low` gets the sixteen lowest bits of both, one in each half, `high` the others. */
INLINE void spread_two(uint32_t first, uint32_t second, int value, u8x32 *low, u8x32 *high) {
    const __m256i pick = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0101010101010101, 0));
    const __m256i select = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i bit = _mm256_set1_epi8((char)value);
    __m256i words = _mm256_set_m128i(_mm_cvtsi32_si128((int)second), _mm_cvtsi32_si128((int)first));
    __m256i bits = _mm256_and_si256(_mm256_shuffle_epi8(words, pick), select);
    *low = (u8x32)_mm256_and_si256(_mm256_cmpeq_epi8(bits, select), bit);
    bits = _mm256_and_si256(_mm256_shuffle_epi8(words, _mm256_add_epi8(pick, _mm256_set1_epi8(2))), select);
    *high = (u8x32)_mm256_and_si256(_mm256_cmpeq_epi8(bits, select), bit);
}

/*
 * The scales of a block of 256 as `pick` takes them: for each half of a run the eight of its elements, each twice.
 */
struct scales {
    __m256i first, second; /* of runs 0 to 3, 4 to 7 */
};

INLINE struct scales twice(__m256i v) {
    return (struct scales){_mm256_unpacklo_epi16(v, v), _mm256_unpackhi_epi16(v, v)};
}

/* Eight scales of runs of 32. */
INLINE struct scales scales_of_32(const int16_t *eight) {
    return twice(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)eight)));
}

/* Sixteen scales of halves of runs. */
INLINE struct scales scales_of_16(const int16_t *sixteen) {
    const __m256i even_odd = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)sixteen);
    return twice(_mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, even_odd), 0xd8));
}

/* The scale of each element of a run. */
typedef i16x16 run_scale;
INLINE run_scale pick(struct scales scales, const int run) {
    __m256i v = run < 4 ? scales.first : scales.second;
    switch (run % 4) {
    case 0: return (i16x16)_mm256_shuffle_epi32(v, 0x00);
    case 1: return (i16x16)_mm256_shuffle_epi32(v, 0x55);
    case 2: return (i16x16)_mm256_shuffle_epi32(v, 0xaa);
    default: return (i16x16)_mm256_shuffle_epi32(v, 0xff);
    }
}

/* sum + pairwise products of shorts. */
INLINE i32x8 add_products(i32x8 sum, i16x16 a, i16x16 b) {
#if defined(__AVX512VNNI__)
    return (i32x8)_mm256_dpwssd_epi32((__m256i)sum, (__m256i)a, (__m256i)b);
#else
    /* An instruction: of its own accord gcc collects the products of a block and runs out of registers. */
    __m256i products = _mm256_madd_epi16((__m256i)a, (__m256i)b);
    __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(products));
    return sum;
#endif
}

/* Sums of products of unsigned codes with signed bytes, in pairs; no pair may exceed a short. */
typedef i16x16 products;
INLINE products code_products(u8x32 codes, i8x32 x) {
    return (products)_mm256_maddubs_epi16((__m256i)codes, (__m256i)x);
}

/* The same of signed codes: the sign goes from the code to x. */
INLINE products signed_products(i8x32 codes, i8x32 x) {
    return (products)_mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)codes), _mm256_sign_epi8((__m256i)x, (__m256i)codes));
}

/* Sums of products by fours. */
INLINE i32x8 quad_products(u8x32 codes, i8x32 x) {
#if defined(__AVX512VNNI__)
    return (i32x8)_mm256_dpbusd_epi32(_mm256_setzero_si256(), (__m256i)codes, (__m256i)x);
#else
    return (i32x8)_mm256_madd_epi16((__m256i)code_products(codes, x), _mm256_set1_epi16(1));
#endif
}

INLINE i32x8 signed_quad_products(i8x32 codes, i8x32 x) {
    return quad_products((u8x32)_mm256_abs_epi8((__m256i)codes), (i8x32)_mm256_sign_epi8((__m256i)x, (__m256i)codes));
}

INLINE i32x8 add_scaled_products(i32x8 sum, products v, run_scale scale) { return add_products(sum, v, scale); }

/* The products themselves, added in pairs. */
INLINE i32x8 sums_of_products(products v) { return (i32x8)_mm256_madd_epi16((__m256i)v, _mm256_set1_epi16(1)); }

/* Pairwise products of eight shorts. */
INLINE i32x4 products8(const int16_t *a, const int16_t *b) {
    return (i32x4)_mm_madd_epi16(
        _mm_loadu_si128((const __m128i *)(const void *)a), _mm_loadu_si128((const __m128i *)(const void *)b));
}

/* The sum of each of four vectors. */
INLINE i32x4 sums_of_four(const i32x8 *v) {
    __m256i ab = _mm256_hadd_epi32((__m256i)v[0], (__m256i)v[1]);
    __m256i cd = _mm256_hadd_epi32((__m256i)v[2], (__m256i)v[3]);
    __m256i all = _mm256_hadd_epi32(ab, cd);
    return (i32x4)_mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/* The sums of the low halves of four vectors in the low half, those of the high halves in the high one. */
INLINE i32x8 sums_of_four_halves(const i32x8 *v) {
    __m256i ab = _mm256_hadd_epi32((__m256i)v[0], (__m256i)v[1]);
    __m256i cd = _mm256_hadd_epi32((__m256i)v[2], (__m256i)v[3]);
    return (i32x8)_mm256_hadd_epi32(ab, cd);
}

/* Two shorts that follow each other, each times a power of two: the first in all lanes of the low half. */
INLINE i32x8 two_shorts(const int16_t *p, const int factor) {
    const __m256i to_upper = _mm256_setr_epi8(-1, -1, 0, 1, -1, -1, 0, 1, -1, -1, 0, 1, -1, -1, 0, 1, //
                                              -1, -1, 2, 3, -1, -1, 2, 3, -1, -1, 2, 3, -1, -1, 2, 3);
    int32_t both;
    memcpy(&both, p, sizeof both);
    __m256i upper = _mm256_shuffle_epi8(_mm256_set1_epi32(both), to_upper);
    return (i32x8)_mm256_srai_epi32(upper, 16 - __builtin_ctz((unsigned)factor));
}

INLINE void to_float_halves(i32x8 v, f32x4 *halves) {
    __m256 all = _mm256_cvtepi32_ps((__m256i)v);
    halves[0] = (f32x4)_mm256_castps256_ps128(all);
    halves[1] = (f32x4)_mm256_extractf128_ps(all, 1);
}

INLINE i32x4 sums_of_four_short(const i32x4 *v) {
    __m128i ab = _mm_hadd_epi32((__m128i)v[0], (__m128i)v[1]);
    __m128i cd = _mm_hadd_epi32((__m128i)v[2], (__m128i)v[3]);
    return (i32x4)_mm_hadd_epi32(ab, cd);
}

INLINE f32x4 to_float4(i32x4 v) { return (f32x4)_mm_cvtepi32_ps((__m128i)v); }
INLINE f32x4 all4(float a) { return (f32x4)_mm_set1_ps(a); }
INLINE f32x4 fma4(f32x4 a, f32x4 b, f32x4 c) { return (f32x4)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c); }
INLINE f32x4 minus_fma4(f32x4 a, f32x4 b, f32x4 c) { return (f32x4)_mm_fnmadd_ps((__m128)a, (__m128)b, (__m128)c); }

/* The sum of each of eight vectors: halves are added until one number is left. */
INLINE f32x8 sums_of_eight_floats(const f32x8 *v) {
    __m128 half[8], pair[4], sum[2];
    for (int i = 0; i < 8; i++) {
        half[i] = _mm_add_ps(_mm256_castps256_ps128((__m256)v[i]), _mm256_extractf128_ps((__m256)v[i], 1));
    }
    for (int i = 0; i < 4; i++) {
        pair[i] = _mm_add_ps(_mm_movelh_ps(half[2 * i], half[2 * i + 1]), _mm_movehl_ps(half[2 * i + 1], half[2 * i]));
    }
    for (int i = 0; i < 2; i++) {
        sum[i] = _mm_add_ps(_mm_shuffle_ps(pair[2 * i], pair[2 * i + 1], 0x88),
                            _mm_shuffle_ps(pair[2 * i], pair[2 * i + 1], 0xdd));
    }
    return (f32x8)_mm256_set_m128(sum[1], sum[0]);
}

INLINE f32x8 all8(float a) { return (f32x8)_mm256_set1_ps(a); }
INLINE f32x8 fma8(f32x8 a, f32x8 b, f32x8 c) { return (f32x8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
/* The larger of each two; of a NaN and a number, where the NaN is in a, the number. */
INLINE f32x8 larger8(f32x8 a, f32x8 b) { return (f32x8)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE i32x8 larger_ints8(i32x8 a, i32x8 b) { return (i32x8)_mm256_max_epi32((__m256i)a, (__m256i)b); }

/* A number that is neither too small nor too large; any of these for a NaN. */
INLINE f32x8 bounded8(f32x8 v, float least, float most) {
    return (f32x8)_mm256_min_ps(_mm256_max_ps((__m256)v, _mm256_set1_ps(least)), _mm256_set1_ps(most));
}
INLINE f32x8 halves8(const uint8_t *p) {
    return (f32x8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
INLINE f32x8 brains8(const uint8_t *p) {
    __m128i bits = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (f32x8)_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16);
}

INLINE void prefetch(const uint8_t *p) { _mm_prefetch((const char *)p, _MM_HINT_T0); }

/* Rows become columns: eight vectors of eight groups of four bytes. */
INLINE void transpose8(u8x32 *v) {
    __m256i a[8], b[8];
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_epi32((__m256i)v[2 * i], (__m256i)v[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_epi32((__m256i)v[2 * i], (__m256i)v[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm256_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm256_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = (u8x32)_mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
        v[i + 4] = (u8x32)_mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
    }
}

/*
 * Products of a panel of PANEL_VECTORS vectors: one weight row in each 32-bit lane, four of its codes in each. On AVX2 sums of pairs stay in
 * shorts for as many steps as cannot overflow them; VNNI sums into 32 bits at once.
 */

#if defined(__AVX512VNNI__)

enum { PANEL_LANES = 16, PANEL_VECTORS = 2, PANEL_CODE_BYTES = 1 };
typedef __m512i panel_codes;
typedef __m512i panel_ints;
typedef __m512 panel_floats;
typedef __m512i panel_partial;

INLINE panel_codes panel_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE panel_codes panel_kept(panel_codes v) { return v; } /* there are registers for all */
INLINE panel_ints panel_load_ints(const void *p) { return _mm512_loadu_si512(p); }
INLINE panel_floats panel_load_floats(const float *p) { return _mm512_loadu_ps(p); }
INLINE void panel_store_floats(float *p, panel_floats v) { _mm512_storeu_ps(p, v); }
INLINE panel_ints panel_zero(void) { return _mm512_setzero_si512(); }
INLINE panel_ints panel_all(int32_t a) { return _mm512_set1_epi32(a); }
INLINE panel_floats panel_all_floats(float a) { return _mm512_set1_ps(a); }
INLINE panel_partial panel_times_minus_128(panel_partial a) {
    return _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(a, 7));
}
INLINE panel_floats panel_to_floats(panel_ints a) { return _mm512_cvtepi32_ps(a); }
INLINE panel_floats panel_multiply(panel_floats a, panel_floats b) { return _mm512_mul_ps(a, b); }
INLINE panel_floats panel_fma(panel_floats a, panel_floats b, panel_floats c) { return _mm512_fmadd_ps(a, b, c); }
INLINE panel_floats panel_minus_fma(panel_floats a, panel_floats b, panel_floats c) {
    return _mm512_fnmadd_ps(a, b, c);
}
INLINE panel_partial panel_step(panel_partial sum, panel_codes u, panel_codes s) {
    return _mm512_dpbusd_epi32(sum, u, s);
}
INLINE panel_ints panel_scaled(panel_ints sum, panel_partial partial, panel_ints scale_pairs) {
    return _mm512_add_epi32(sum, _mm512_mullo_epi32(partial, _mm512_srai_epi32(scale_pairs, 16)));
}
INLINE panel_ints panel_unscaled(panel_ints sum, panel_partial partial) { return _mm512_add_epi32(sum, partial); }
INLINE panel_ints panel_pairs(panel_ints sum, panel_ints a, panel_ints b) { return _mm512_dpwssd_epi32(sum, a, b); }
#define PANEL_SUMS_FOURS 1

/* Rows of x that are multiplied in F32 together: they and their sums with four weight rows are in registers. */
enum { FLOAT_TILE = 6 };

#else

enum { PANEL_LANES = 8, PANEL_VECTORS = 2, PANEL_CODE_BYTES = 2 };
typedef __m256i panel_codes;
typedef __m256i panel_ints;
typedef __m256 panel_floats;
typedef __m256i panel_partial;

INLINE panel_codes panel_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE panel_codes panel_kept(panel_codes v) {
    __asm__("" : "+x"(v));
    return v;
}
INLINE panel_ints panel_load_ints(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
INLINE panel_floats panel_load_floats(const float *p) { return _mm256_loadu_ps(p); }
INLINE void panel_store_floats(float *p, panel_floats v) { _mm256_storeu_ps(p, v); }
INLINE panel_ints panel_zero(void) { return _mm256_setzero_si256(); }
INLINE panel_ints panel_all(int32_t a) { return _mm256_set1_epi32(a); }
INLINE panel_floats panel_all_floats(float a) { return _mm256_set1_ps(a); }
INLINE panel_partial panel_times_minus_128(panel_partial a) {
    return _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_slli_epi16(a, 7));
}
INLINE panel_floats panel_to_floats(panel_ints a) { return _mm256_cvtepi32_ps(a); }
INLINE panel_floats panel_multiply(panel_floats a, panel_floats b) { return _mm256_mul_ps(a, b); }
INLINE panel_floats panel_fma(panel_floats a, panel_floats b, panel_floats c) { return _mm256_fmadd_ps(a, b, c); }
INLINE panel_floats panel_minus_fma(panel_floats a, panel_floats b, panel_floats c) {
    return _mm256_fnmadd_ps(a, b, c);
}
/* The addition as an instruction: of its own accord gcc collects the products of several steps and runs out of registers. */
INLINE panel_partial panel_step(panel_partial sum, panel_codes u, panel_codes s) {
    __m256i products = _mm256_maddubs_epi16(u, s);
    __asm__("vpaddw %1, %0, %0" : "+x"(sum) : "x"(products));
    return sum;
}
INLINE panel_ints panel_scaled(panel_ints sum, panel_partial partial, panel_ints scale_pairs) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(partial, scale_pairs));
}
INLINE panel_ints panel_unscaled(panel_ints sum, panel_partial partial) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(partial, _mm256_set1_epi16(1)));
}
INLINE panel_ints panel_pairs(panel_ints sum, panel_ints a, panel_ints b) {
    __m256i products = _mm256_madd_epi16(a, b);
    __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(products));
    return sum;
}
/* Where products are of shorts, their sums are of 32 bits already. */
INLINE panel_ints panel_wide_scaled(panel_ints sum, panel_partial partial, panel_ints scale_pairs) {
    return _mm256_add_epi32(sum, _mm256_mullo_epi32(partial, _mm256_srai_epi32(scale_pairs, 16)));
}
INLINE panel_ints panel_wide_unscaled(panel_ints sum, panel_partial partial) { return _mm256_add_epi32(sum, partial); }
/* Of the four signed bytes in each lane the first two and the last two, as shorts. */
INLINE i16x16 shorts_of(u8x32 bytes, int first) {
    __m256i up = _mm256_shuffle_epi8((__m256i)bytes, _mm256_add_epi8(_mm256_setr_epi8(
        -128, 0, -128, 1, -128, 4, -128, 5, -128, 8, -128, 9, -128, 12, -128, 13,
        -128, 0, -128, 1, -128, 4, -128, 5, -128, 8, -128, 9, -128, 12, -128, 13), _mm256_set1_epi16((int16_t)(first << 8))));
    return (i16x16)_mm256_srai_epi16(up, 8);
}
INLINE i16x16 low_shorts(u8x32 bytes) { return shorts_of(bytes, 0); }
INLINE i16x16 high_shorts(u8x32 bytes) { return shorts_of(bytes, 2); }
INLINE i16x16 widen_signed16(u8x16 bytes) { return (i16x16)_mm256_cvtepi8_epi16((__m128i)bytes); }

/* Rows of x that are multiplied in F32 together. */
enum { FLOAT_TILE = 3 };

#endif

#endif
