/*
 * Reads blocks of quantized weights: their codes, 32 at a time and in order, their inner scales and their float scales.
 * The formats are ggml's, as the GGUF specification names them; kernel-api's dev.juggler.kernel.quant defines them.
 */
#ifndef JUGGLER_FORMATS_H
#define JUGGLER_FORMATS_H

#include <stddef.h>

#include "codebooks.h"
#include "vectors.h"

/* What the 16 codes of IQ4_NL and IQ4_XS stand for, and twice what those of MXFP4 (E2M1) do, plus 12. */
static const int8_t non_linear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t twice_e2m1[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};

/*
 * A block of 256 taken apart: signed codes, the integers of its sixteenths, its float scale. Types that take long to take
 * apart are multiplied in this form, see unpack.h.
 */
struct unpacked {
    uint8_t codes[CHUNK];
    int16_t scales[16];
    float scale;
    uint8_t unused[28]; /* whole cache lines */
};
_Static_assert(sizeof(struct unpacked) == 320, "block_bytes has the same");

/*
 * Some bits of each byte, moved. As shorts, for which machines have shifts that they lack for bytes: gcc makes four
 * additions of a byte's << 4. No bit of `mask` may come from the neighbour.
 */
INLINE u8x32 bits_down(u8x32 v, const int by, const uint8_t mask) { return (u8x32)((u16x16)v >> by) & mask; }
INLINE u8x32 bits_up(u8x32 v, const int by, const uint8_t mask) { return (u8x32)((u16x16)v << by) & mask; }

/* Bit `from` of each byte as bit `to`. */
INLINE u8x32 bit_to(u8x32 v, const int from, const int to) {
    const uint8_t mask = (uint8_t)(1 << to);
    return from < to ? bits_up(v, to - from, mask) : bits_down(v, from - to, mask);
}

INLINE u8x32 nibbles(const uint8_t *p) {
    u8x16 low = load_u8x16(p);
    return join(low & 15, low >> 4);
}

/* Codes of elements 32 * run to 32 * run + 31 of a chunk of 256, which for small blocks is eight blocks. */
INLINE u8x32 codes(const int type, const uint8_t *p, int run) {
    switch (type) {
    case Q4_0: return nibbles(p + run * 18 + 2);
    case Q4_1: return nibbles(p + run * 20 + 4);
    case Q5_0: return nibbles(p + run * 22 + 6) | spread_bits(load_u32(p + run * 22 + 2), 16);
    case Q5_1: return nibbles(p + run * 24 + 8) | spread_bits(load_u32(p + run * 24 + 4), 16);
    case Q8_0: return load_u8x32(p + run * 34 + 2);
    case IQ4_NL: return look_up(non_linear, nibbles(p + run * 18 + 2));
    case MXFP4: return look_up(twice_e2m1, nibbles(p + run * 17 + 1));
    case Q2_K: return bits_down(load_u8x32(p + 16 + run / 4 * 32), 2 * (run % 4), 3);
    case Q3_K:
        return bits_down(load_u8x32(p + 32 + run / 4 * 32), 2 * (run % 4), 3) | bit_to(load_u8x32(p), run, 2);
    case Q4_K: {
        u8x32 pair = load_once(p + 16 + run / 2 * 32);
        return bits_down(pair, run % 2 * 4, 15);
    }
    case Q5_K: {
        u8x32 pair = load_once(p + 48 + run / 2 * 32);
        return bits_down(pair, run % 2 * 4, 15) | bit_to(load_u8x32(p + 16), run, 4);
    }
    case Q6_K: {
        u8x32 pair = load_once(p + run / 4 * 64 + run % 2 * 32);
        u8x32 high = load_once(p + 128 + run / 4 * 32);
        const int two_bits = 2 * (run % 4);
        return bits_down(pair, run % 4 / 2 * 4, 15) |
               (two_bits < 4 ? bits_up(high, 4 - two_bits, 0x30) : bits_down(high, two_bits - 4, 0x30));
    }
    case IQ4_XS: return look_up(non_linear, nibbles(p + 8 + run * 16));
    case IQ1_S: return codes_of_iq1_s(p, run);
    case IQ1_M: return codes_of_iq1_m(p, run);
    case IQ2_XXS: return codes_of_iq2_xxs(p, run);
    case IQ2_XS: return codes_of_iq2_xs(p, run);
    case IQ2_S: return codes_of_iq2_s(p, run);
    case IQ3_XXS: return codes_of_iq3_xxs(p, run);
    case IQ3_S: return codes_of_iq3_s(p, run);
    case TQ1_0: return codes_of_tq1_0(p, run);
    case TQ2_0: return bits_down(load_u8x32(p + run / 4 * 32), 2 * (run % 4), 3);
    case UNPACKED: case UNPACKED_SMALL: return load_u8x32(p + offsetof(struct unpacked, codes) + run * RUN);
    default: return (u8x32){0};
    }
}

/*
 * Codes of two blocks of 32 that follow each other, of types with nibbles: `low` holds elements 0 to 15 of both,
 * `high` 16 to 31.
 */
INLINE void codes_of_pair(const int type, const uint8_t *p, u8x32 *low, u8x32 *high) {
    const int next = block_bytes(type), nibbles_at = block_bytes(type) - 16;
    u8x32 both = join(load_u8x16(p + nibbles_at), load_u8x16(p + next + nibbles_at));
    *low = both & 15;
    *high = both >> 4;
    switch (type) {
    case Q5_0: case Q5_1: {
        u8x32 low_bits, high_bits;
        spread_two(load_u32(p + nibbles_at - 4), load_u32(p + next + nibbles_at - 4), 16, &low_bits, &high_bits);
        *low |= low_bits;
        *high |= high_bits;
        break;
    }
    case IQ4_NL:
        *low = look_up(non_linear, *low);
        *high = look_up(non_linear, *high);
        break;
    case MXFP4:
        *low = look_up(twice_e2m1, *low);
        *high = look_up(twice_e2m1, *high);
        break;
    default: break;
    }
}

/* Eight scales and eight minimums of six bits each in the last twelve of sixteen bytes (Q4_K, Q5_K). */
INLINE u8x16 six_bit_pairs(const uint8_t *p) {
    u32x4 v;
    memcpy(&v, p, sizeof v);
    u32x4 low = (u32x4){v[1], v[3], v[2], v[3]} >> (u32x4){0, 0, 0, 4};
    u32x4 high = (u32x4){v[1], v[1], v[2], v[2]} >> 2;
    return (u8x16)((low & (u32x4){0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f}) |
                   (high & (u32x4){0, 0x30303030, 0, 0x30303030}));
}

/* Sixteen scales of six bits in twelve bytes, 32 subtracted (Q3_K). */
INLINE void six_bit_scales(const uint8_t *p, int16_t *scales) {
    uint32_t a = load_u32(p), b = load_u32(p + 4), high = load_u32(p + 8);
    uint32_t packed[4] = {
        (a & 0x0f0f0f0f) | (high & 0x03030303) << 4,
        (b & 0x0f0f0f0f) | ((high >> 2) & 0x03030303) << 4,
        ((a >> 4) & 0x0f0f0f0f) | ((high >> 4) & 0x03030303) << 4,
        ((b >> 4) & 0x0f0f0f0f) | ((high >> 6) & 0x03030303) << 4,
    };
    widen(packed, scales);
    widen(packed + 2, scales + 8);
    for (int i = 0; i < 16; i++) {
        scales[i] = (int16_t)(scales[i] - 32);
    }
}

/*
 * Integers that codes are multiplied with: one for each run of scale_run(type) elements of a block of 256; and the
 * integers of its minimums, where the type has them.
 */
INLINE void inner_scales(const int type, const uint8_t *p, int16_t *scales, int16_t *minimums) {
    switch (type) {
    case Q2_K:
        for (int i = 0; i < 16; i++) {
            scales[i] = p[i] & 15;
            minimums[i] = p[i] >> 4;
        }
        break;
    case Q3_K: six_bit_scales(p + 96, scales); break;
    case Q4_K: case Q5_K: {
        u8x16 pairs = six_bit_pairs(p);
        i16x16 wide = widen16(pairs);
        memcpy(scales, &wide, 16);
        memcpy(minimums, (const int16_t *)&wide + 8, 16);
        break;
    }
    case Q6_K:
        for (int i = 0; i < 16; i++) {
            scales[i] = (int8_t)p[192 + i];
        }
        break;
    case IQ4_XS:
        for (int i = 0; i < 8; i++) {
            int low = (p[4 + i / 2] >> (4 * (i % 2))) & 15;
            int high = (load_u16(p + 2) >> (2 * i)) & 3;
            scales[i] = (int16_t)((low | high << 4) - 32);
        }
        break;
    case TQ1_0: case TQ2_0:
        for (int i = 0; i < 16; i++) {
            scales[i] = 1;
        }
        break;
    case UNPACKED: case UNPACKED_SMALL: memcpy(scales, p + offsetof(struct unpacked, scales), 32); break;
    default: codebook_scales(type, p, scales); break;
    }
}

/* Where a block's float scale lies, of types that have it as F16; that of its minimums, or its minimum, follows. */
INLINE int scale_at(const int type) {
    switch (type) {
    case Q2_K: return 80;
    case Q3_K: return 108;
    case Q6_K: return 208;
    case TQ1_0: return 52;
    case TQ2_0: return 64;
    default: return 0;
    }
}

/* The float scale of a block. */
INLINE float block_scale(const int type, const uint8_t *p) {
    switch (type) {
    case MXFP4: {
        /* Half of 2^(p[0] - 127); the two smallest are subnormal. */
        uint32_t bits = p[0] >= 2 ? (uint32_t)(p[0] - 1) << 23 : 0x00200000u << p[0];
        float f;
        memcpy(&f, &bits, sizeof f);
        return f;
    }
    case UNPACKED: case UNPACKED_SMALL: {
        float f;
        memcpy(&f, p + offsetof(struct unpacked, scale), sizeof f);
        return f;
    }
    default: return has_codebook(type) ? codebook_scale(type, p) : half_to_float(load_u16(p + scale_at(type)));
    }
}

/* The float scale of the minimums of a block, or its minimum itself where a block has only one. */
INLINE float block_minimum(const int type, const uint8_t *p) {
    return half_to_float(load_u16(p + scale_at(type) + 2));
}

/* The float scales of four blocks, and their minimums where the type has them; of types without codebooks. */
INLINE void scales_of_four(const int type, const uint8_t *const *p, f32x4 *scale, f32x4 *minimum) {
    const int at = scale_at(type);
    *minimum = (f32x4){0};
    if (type == MXFP4) {
        u32x4 e = {p[0][0], p[1][0], p[2][0], p[3][0]};
        u32x4 subnormal = (u32x4)(e < 2);
        *scale = (f32x4)((((e - 1) << 23) & ~subnormal) | ((0x00200000 << (e & 1)) & subnormal));
    } else if (has_minimums(type)) {
        pairs_of_halves4(p[0] + at, p[1] + at, p[2] + at, p[3] + at, scale, minimum);
    } else {
        *scale = halves4(p[0] + at, p[1] + at, p[2] + at, p[3] + at);
    }
}

#endif
