/*
 * The machine's own operations on ARM: NEON, and with the extension for dot products those. Vectors of 32 bytes are two
 * registers. Byte products have two signed factors here, and where x86 adds them in pairs, they are added in fours at
 * once; all sums are integers, so results are those of x86 bit for bit.
 */
#ifndef JUGGLER_VECTORS_NEON_H
#define JUGGLER_VECTORS_NEON_H

#include <arm_neon.h>

/* A vector of 32 bytes as the registers that hold it. */
struct halves {
    uint8x16_t low, high;
};
struct int_halves {
    int32x4_t low, high;
};
struct float_halves {
    float32x4_t low, high;
};

#define TO_HALVES(name, vector, halves) \
    INLINE struct halves name(vector v) { \
        struct halves h; \
        memcpy(&h, &v, sizeof h); \
        return h; \
    }
#define FROM_HALVES(name, vector, part, halves) \
    INLINE vector name(part low, part high) { \
        struct halves h = {low, high}; \
        vector v; \
        memcpy(&v, &h, sizeof v); \
        return v; \
    }
TO_HALVES(halves_of, u8x32, halves)
TO_HALVES(signed_halves_of, i8x32, halves)
TO_HALVES(short_halves_of, i16x16, halves)
TO_HALVES(int_halves_of, i32x8, int_halves)
TO_HALVES(float_halves_of, f32x8, float_halves)
FROM_HALVES(bytes_from, u8x32, uint8x16_t, halves)
FROM_HALVES(ints_from, i32x8, int32x4_t, int_halves)
FROM_HALVES(floats_from, f32x8, float32x4_t, float_halves)

/* For codes that share bytes: the compiler may take them from registers again, but not from memory. */
INLINE u8x32 load_once(const uint8_t *p) {
    uint8x16_t low = vld1q_u8(p), high = vld1q_u8(p + 16);
    __asm__("" : "+w"(low), "+w"(high));
    return bytes_from(low, high);
}

INLINE float half_to_float(uint16_t half) {
    __fp16 h;
    memcpy(&h, &half, sizeof h);
    return h;
}

INLINE float32x4_t four_halves(uint64_t bits) { return vcvt_f32_f16(vreinterpret_f16_u64(vcreate_u64(bits))); }

/* Four F16 numbers at four places. */
INLINE f32x4 halves4(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
    return (f32x4)four_halves((uint64_t)load_u16(a) | (uint64_t)load_u16(b) << 16 | (uint64_t)load_u16(c) << 32 |
                              (uint64_t)load_u16(d) << 48);
}

/* Two F16 numbers that follow each other, at four places. */
INLINE void pairs_of_halves4(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, f32x4 *first,
                             f32x4 *second) {
    *first = halves4(a, b, c, d);
    *second = halves4(a + 2, b + 2, c + 2, d + 2);
}

/* Two halves as one. */
INLINE u8x32 join(u8x16 low, u8x16 high) { return bytes_from((uint8x16_t)low, (uint8x16_t)high); }

/* The low halves of both, or the high ones. */
INLINE i8x32 low_halves(i8x32 a, i8x32 b) {
    return (i8x32)bytes_from(signed_halves_of(a).low, signed_halves_of(b).low);
}
INLINE i8x32 high_halves(i8x32 a, i8x32 b) {
    return (i8x32)bytes_from(signed_halves_of(a).high, signed_halves_of(b).high);
}

/* Eight bytes as shorts. */
INLINE void widen(const uint32_t *bytes, int16_t *shorts) {
    vst1q_s16(shorts, vreinterpretq_s16_u16(vmovl_u8(vld1_u8((const uint8_t *)bytes))));
}

/* Sixteen bytes as shorts. */
INLINE i16x16 widen16(u8x16 bytes) {
    uint16x8_t low = vmovl_u8(vget_low_u8((uint8x16_t)bytes)), high = vmovl_high_u8((uint8x16_t)bytes);
    return (i16x16)bytes_from(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
}

/* The entry of a table of 16 for each byte, which is below 16. */
INLINE u8x32 look_up(const int8_t *table, u8x32 index) {
    const uint8x16_t entries = vld1q_u8((const uint8_t *)table);
    struct halves i = halves_of(index);
    return bytes_from(vqtbl1q_u8(entries, i.low), vqtbl1q_u8(entries, i.high));
}

/* The first byte of sixteen bits for eight elements, the second for the others; and the bit of each in its byte. */
static const uint8_t byte_of_bit[16] __attribute__((unused)) = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1};
static const uint8_t bit_of_byte[16] __attribute__((unused)) = {1, 2, 4, 8, 16, 32, 64, 128,
                                                                1, 2, 4, 8, 16, 32, 64, 128};

/* `value` in each of sixteen bytes whose bit is set, of the bits from byte `first` on. */
INLINE uint8x16_t spread_half(uint32_t bits, int first, int value) {
    uint8x16_t place = vaddq_u8(vld1q_u8(byte_of_bit), vdupq_n_u8((uint8_t)first));
    uint8x16_t bytes = vqtbl1q_u8(vreinterpretq_u8_u32(vdupq_n_u32(bits)), place);
    return vandq_u8(vtstq_u8(bytes, vld1q_u8(bit_of_byte)), vdupq_n_u8((uint8_t)value));
}

/* `value` in each byte whose bit is set. */
INLINE u8x32 spread_bits(uint32_t bits, int value) {
    return bytes_from(spread_half(bits, 0, value), spread_half(bits, 2, value));
}

/* The same for two words: `low` gets the sixteen lowest bits of both, one in each half, `high` the others. */
INLINE void spread_two(uint32_t first, uint32_t second, int value, u8x32 *low, u8x32 *high) {
    *low = bytes_from(spread_half(first, 0, value), spread_half(second, 0, value));
    *high = bytes_from(spread_half(first, 2, value), spread_half(second, 2, value));
}

/* sum + sums of four products each of signed bytes. */
INLINE int32x4_t dot(int32x4_t sum, int8x16_t a, int8x16_t b) {
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, a, b);
#else
    /* A byte of x is never -128, so that a pair of products fits a short. */
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
#endif
}

/* The scales of a block of 256 as `pick` takes them: those of the low and of the high halves of runs. */
struct scales {
    int32x4_t low[2], high[2]; /* of runs 0 to 3, 4 to 7 */
};

/* Eight scales of runs of 32. */
INLINE struct scales scales_of_32(const int16_t *eight) {
    int16x8_t v = vld1q_s16(eight);
    int32x4_t first = vmovl_s16(vget_low_s16(v)), second = vmovl_high_s16(v);
    return (struct scales){{first, second}, {first, second}};
}

/* Sixteen scales of halves of runs. */
INLINE struct scales scales_of_16(const int16_t *sixteen) {
    int16x8x2_t v = vld2q_s16(sixteen);
    return (struct scales){{vmovl_s16(vget_low_s16(v.val[0])), vmovl_high_s16(v.val[0])},
                           {vmovl_s16(vget_low_s16(v.val[1])), vmovl_high_s16(v.val[1])}};
}

INLINE int32x4_t in_all_lanes(int32x4_t v, const int lane) {
    switch (lane) {
    case 0: return vdupq_laneq_s32(v, 0);
    case 1: return vdupq_laneq_s32(v, 1);
    case 2: return vdupq_laneq_s32(v, 2);
    default: return vdupq_laneq_s32(v, 3);
    }
}

/* The scale of each sum of products of a run. */
typedef struct int_halves run_scale;
INLINE run_scale pick(struct scales scales, const int run) {
    return (run_scale){in_all_lanes(scales.low[run / 4], run % 4), in_all_lanes(scales.high[run / 4], run % 4)};
}

/* sum + products of shorts, in any lanes: what matters is the sum of all. */
INLINE i32x8 add_products(i32x8 sum, i16x16 a, i16x16 b) {
    struct halves x = short_halves_of(a), y = short_halves_of(b);
    struct int_halves s = int_halves_of(sum);
    int16x8_t x_low = vreinterpretq_s16_u8(x.low), x_high = vreinterpretq_s16_u8(x.high);
    int16x8_t y_low = vreinterpretq_s16_u8(y.low), y_high = vreinterpretq_s16_u8(y.high);
    s.low = vmlal_high_s16(vmlal_s16(s.low, vget_low_s16(x_low), vget_low_s16(y_low)), x_low, y_low);
    s.high = vmlal_high_s16(vmlal_s16(s.high, vget_low_s16(x_high), vget_low_s16(y_high)), x_high, y_high);
    return ints_from(s.low, s.high);
}

/* Sums of products of codes with signed bytes, in fours. Unsigned codes are below 128, so they are signed as well. */
typedef i32x8 products;
INLINE products signed_products(i8x32 codes, i8x32 x) {
    struct halves a = signed_halves_of(codes), b = signed_halves_of(x);
    const int32x4_t zero = vdupq_n_s32(0);
    return ints_from(dot(zero, vreinterpretq_s8_u8(a.low), vreinterpretq_s8_u8(b.low)),
                     dot(zero, vreinterpretq_s8_u8(a.high), vreinterpretq_s8_u8(b.high)));
}
INLINE products code_products(u8x32 codes, i8x32 x) { return signed_products((i8x32)codes, x); }

INLINE i32x8 add_scaled_products(i32x8 sum, products v, run_scale scale) {
    struct int_halves s = int_halves_of(sum), p = int_halves_of(v);
    return ints_from(vmlaq_s32(s.low, p.low, scale.low), vmlaq_s32(s.high, p.high, scale.high));
}

INLINE i32x8 quad_products(u8x32 codes, i8x32 x) { return code_products(codes, x); }
INLINE i32x8 signed_quad_products(i8x32 codes, i8x32 x) { return signed_products(codes, x); }
INLINE i32x8 sums_of_products(products v) { return v; }

/* Products of eight shorts, added in any lanes. */
INLINE i32x4 products8(const int16_t *a, const int16_t *b) {
    int16x8_t x = vld1q_s16(a), y = vld1q_s16(b);
    return (i32x4)vmlal_high_s16(vmull_s16(vget_low_s16(x), vget_low_s16(y)), x, y);
}

/* The sum of each of four vectors. */
INLINE int32x4_t sums_across(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}
INLINE i32x4 sums_of_four_short(const i32x4 *v) {
    return (i32x4)sums_across((int32x4_t)v[0], (int32x4_t)v[1], (int32x4_t)v[2], (int32x4_t)v[3]);
}
INLINE int32x4_t both_halves(i32x8 v) { return vaddq_s32(int_halves_of(v).low, int_halves_of(v).high); }
INLINE i32x4 sums_of_four(const i32x8 *v) {
    return (i32x4)sums_across(both_halves(v[0]), both_halves(v[1]), both_halves(v[2]), both_halves(v[3]));
}

/* The sums of the low halves of four vectors in the low half, those of the high halves in the high one. */
INLINE i32x8 sums_of_four_halves(const i32x8 *v) {
    struct int_halves a = int_halves_of(v[0]), b = int_halves_of(v[1]), c = int_halves_of(v[2]), d = int_halves_of(v[3]);
    return ints_from(sums_across(a.low, b.low, c.low, d.low), sums_across(a.high, b.high, c.high, d.high));
}

/* Two shorts that follow each other, each times a power of two: the first in all lanes of the low half. */
INLINE i32x8 two_shorts(const int16_t *p, const int factor) {
    return ints_from(vdupq_n_s32(p[0] * factor), vdupq_n_s32(p[1] * factor));
}

INLINE void to_float_halves(i32x8 v, f32x4 *halves) {
    halves[0] = (f32x4)vcvtq_f32_s32(int_halves_of(v).low);
    halves[1] = (f32x4)vcvtq_f32_s32(int_halves_of(v).high);
}

INLINE f32x4 to_float4(i32x4 v) { return (f32x4)vcvtq_f32_s32((int32x4_t)v); }
INLINE f32x4 all4(float a) { return (f32x4)vdupq_n_f32(a); }
INLINE f32x4 fma4(f32x4 a, f32x4 b, f32x4 c) {
    return (f32x4)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
INLINE f32x4 minus_fma4(f32x4 a, f32x4 b, f32x4 c) {
    return (f32x4)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

/* The sum of each of eight vectors: halves are added until one number is left. */
INLINE f32x8 sums_of_eight_floats(const f32x8 *v) {
    float32x4_t half[8], sum[2];
    for (int i = 0; i < 8; i++) {
        half[i] = vaddq_f32(float_halves_of(v[i]).low, float_halves_of(v[i]).high);
    }
    for (int i = 0; i < 2; i++) {
        const float32x4_t *h = half + 4 * i;
        float32x4_t first = vaddq_f32(vcombine_f32(vget_low_f32(h[0]), vget_low_f32(h[1])),
                                      vcombine_f32(vget_high_f32(h[0]), vget_high_f32(h[1])));
        float32x4_t second = vaddq_f32(vcombine_f32(vget_low_f32(h[2]), vget_low_f32(h[3])),
                                       vcombine_f32(vget_high_f32(h[2]), vget_high_f32(h[3])));
        sum[i] = vpaddq_f32(first, second);
    }
    return floats_from(sum[0], sum[1]);
}

INLINE f32x8 all8(float a) { return floats_from(vdupq_n_f32(a), vdupq_n_f32(a)); }
INLINE f32x8 fma8(f32x8 a, f32x8 b, f32x8 c) {
    struct float_halves x = float_halves_of(a), y = float_halves_of(b), z = float_halves_of(c);
    return floats_from(vfmaq_f32(z.low, x.low, y.low), vfmaq_f32(z.high, x.high, y.high));
}
/* The larger of each two; of a NaN and a number, where the NaN is in a, the number. */
INLINE f32x8 larger8(f32x8 a, f32x8 b) {
    struct float_halves x = float_halves_of(a), y = float_halves_of(b);
    return floats_from(vmaxnmq_f32(x.low, y.low), vmaxnmq_f32(x.high, y.high));
}
INLINE i32x8 larger_ints8(i32x8 a, i32x8 b) { return ((a > b) & a) | (~(a > b) & b); }

/* A number that is neither too small nor too large; a NaN stays one. */
INLINE f32x8 bounded8(f32x8 v, float least, float most) {
    struct float_halves x = float_halves_of(v);
    float32x4_t low = vdupq_n_f32(least), high = vdupq_n_f32(most);
    return floats_from(vminq_f32(vmaxq_f32(x.low, low), high), vminq_f32(vmaxq_f32(x.high, low), high));
}
INLINE f32x8 halves8(const uint8_t *p) {
    uint64_t first, second;
    memcpy(&first, p, sizeof first);
    memcpy(&second, p + 8, sizeof second);
    return floats_from(four_halves(first), four_halves(second));
}
INLINE f32x8 brains8(const uint8_t *p) {
    uint16x8_t bits = vreinterpretq_u16_u8(vld1q_u8(p));
    return floats_from(vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(bits), 16)),
                       vreinterpretq_f32_u32(vshll_high_n_u16(bits, 16)));
}

INLINE void prefetch(const uint8_t *p) { __builtin_prefetch(p); }

/* Four rows of four groups of four bytes: rows become columns. */
INLINE void transpose4(uint32x4_t *v) {
    uint32x4_t a = vtrn1q_u32(v[0], v[1]), b = vtrn2q_u32(v[0], v[1]);
    uint32x4_t c = vtrn1q_u32(v[2], v[3]), d = vtrn2q_u32(v[2], v[3]);
#define PAIR(take, x, y) vreinterpretq_u32_u64(take(vreinterpretq_u64_u32(x), vreinterpretq_u64_u32(y)))
    v[0] = PAIR(vtrn1q_u64, a, c);
    v[1] = PAIR(vtrn1q_u64, b, d);
    v[2] = PAIR(vtrn2q_u64, a, c);
    v[3] = PAIR(vtrn2q_u64, b, d);
#undef PAIR
}

/* Rows become columns: eight vectors of eight groups of four bytes. */
INLINE void transpose8(u8x32 *v) {
    uint32x4_t left[8], right[8];
    for (int i = 0; i < 8; i++) {
        left[i] = vreinterpretq_u32_u8(halves_of(v[i]).low);
        right[i] = vreinterpretq_u32_u8(halves_of(v[i]).high);
    }
    for (int i = 0; i < 8; i += 4) {
        transpose4(left + i);
        transpose4(right + i);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = bytes_from(vreinterpretq_u8_u32(left[i]), vreinterpretq_u8_u32(left[i + 4]));
        v[i + 4] = bytes_from(vreinterpretq_u8_u32(right[i]), vreinterpretq_u8_u32(right[i + 4]));
    }
}

/*
 * Products of a panel of PANEL_VECTORS vectors: one weight row in each 32-bit lane, four of its codes in each. Sixteen
 * sums, four vectors of codes and one of x are in registers, of 32.
 */
enum { PANEL_LANES = 4, PANEL_VECTORS = 4, PANEL_CODE_BYTES = 1 };
typedef int8x16_t panel_codes;
typedef int32x4_t panel_ints;
typedef float32x4_t panel_floats;
typedef int32x4_t panel_partial;
#define PANEL_SUMS_FOURS 1
#define PANEL_TAKES_SIGNED 1

/* Rows of x that are multiplied in F32 together: they and their sums with four weight rows are in registers. */
enum { FLOAT_TILE = 6 };

INLINE panel_codes panel_load(const void *p) { return vld1q_s8(p); }
INLINE panel_codes panel_kept(panel_codes v) { return v; } /* there are registers for all */
INLINE panel_ints panel_load_ints(const void *p) { return vld1q_s32(p); }
INLINE panel_floats panel_load_floats(const float *p) { return vld1q_f32(p); }
INLINE void panel_store_floats(float *p, panel_floats v) { vst1q_f32(p, v); }
INLINE panel_ints panel_zero(void) { return vdupq_n_s32(0); }
INLINE panel_codes panel_all(int32_t a) { return vreinterpretq_s8_s32(vdupq_n_s32(a)); }
INLINE panel_floats panel_all_floats(float a) { return vdupq_n_f32(a); }
INLINE panel_partial panel_times_minus_128(panel_partial a) { return vnegq_s32(vshlq_n_s32(a, 7)); }
INLINE panel_floats panel_to_floats(panel_ints a) { return vcvtq_f32_s32(a); }
INLINE panel_floats panel_multiply(panel_floats a, panel_floats b) { return vmulq_f32(a, b); }
INLINE panel_floats panel_fma(panel_floats a, panel_floats b, panel_floats c) { return vfmaq_f32(c, a, b); }
INLINE panel_floats panel_minus_fma(panel_floats a, panel_floats b, panel_floats c) { return vfmsq_f32(c, a, b); }
INLINE panel_partial panel_step(panel_partial sum, panel_codes codes, panel_codes x) { return dot(sum, codes, x); }
INLINE panel_ints panel_scaled(panel_ints sum, panel_partial partial, panel_ints scale_pairs) {
    return vmlaq_s32(sum, partial, vshrq_n_s32(scale_pairs, 16));
}
INLINE panel_ints panel_unscaled(panel_ints sum, panel_partial partial) { return vaddq_s32(sum, partial); }

/* sum + the products of the two shorts of each lane. */
INLINE panel_ints panel_pairs(panel_ints sum, panel_ints a, panel_codes b) {
    int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s8(b);
    return vaddq_s32(sum, vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)));
}

#endif
