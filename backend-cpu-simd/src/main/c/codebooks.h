/*
 * Codes of the types whose codes point into a codebook of short vectors (IQ1, IQ2, IQ3), and of the ternary ones.
 *
 * A value is scale of the block * integer of the group * code, as of all types: what the formats' definition adds or
 * halves is multiplied out. (0.5 + s) / 4 is (2s + 1) / 8, and g + 1/8 is (8g + 1) / 8; so codes are signed bytes, and the
 * powers of two are taken out of the block's float scale, where they change no bit of a result.
 */
#ifndef JUGGLER_CODEBOOKS_H
#define JUGGLER_CODEBOOKS_H

#include "codebook_vectors.h"
#include "vectors.h"

/* Seven bits of each of four signs, one after the other, as four bytes; the eighth bit makes the number of ones even. */
INLINE uint32_t even_signs(uint32_t sevens) {
    uint32_t bytes = (sevens & 0x7f) | (sevens & 0x3f80) << 1 | (sevens & 0x1fc000) << 2 | (sevens & 0xfe00000) << 3;
    uint32_t parity = bytes ^ (bytes >> 4 & 0x0f0f0f0f);
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return bytes | (parity & 0x01010101) << 7;
}

/* The negative of each byte whose bit is set. */
INLINE u8x32 with_signs(u8x32 magnitudes, uint32_t signs) {
    u8x32 minus = spread_bits(signs, 255);
    return (magnitudes ^ minus) - minus;
}

INLINE u8x32 four_entries(uint64_t a, uint64_t b, uint64_t c, uint64_t d) { return (u8x32)(u64x4){a, b, c, d}; }

/* Eight entries of four bytes; `ninths` are the ninth bits of their numbers. */
INLINE u8x32 eight_entries(const uint32_t *book, const uint8_t *index, int ninths) {
    uint32_t entries[8];
    for (int i = 0; i < 8; i++) {
        entries[i] = book[index[i] | (ninths << (8 - i) & 256)];
    }
    return load_u8x32(entries);
}

INLINE u8x32 codes_of_iq1_s(const uint8_t *p, int run) {
    const uint8_t *low = p + 2 + 4 * run;
    const int high = load_u16(p + 34 + 2 * run);
    const uint64_t *book = codebooks.iq1;
    u8x32 eighths = four_entries(book[low[0] | (high << 8 & 0x700)], book[low[1] | (high << 5 & 0x700)],
                                 book[low[2] | (high << 2 & 0x700)], book[low[3] | (high >> 1 & 0x700)]);
    return eighths + (uint8_t)(high & 0x8000 ? -1 : 1);
}

INLINE u8x32 codes_of_iq1_m(const uint8_t *p, int run) {
    const uint8_t *low = p + 4 * run;
    const int high = load_u16(p + 32 + 2 * run);
    const uint64_t *book = codebooks.iq1;
    const uint64_t shifts[2] = {0x0101010101010101, 0xffffffffffffffff};
    u8x32 eighths = four_entries(book[low[0] | (high << 8 & 0x700)], book[low[1] | (high << 4 & 0x700)],
                                 book[low[2] | (high & 0x700)], book[low[3] | (high >> 4 & 0x700)]);
    return eighths + four_entries(shifts[high >> 3 & 1], shifts[high >> 7 & 1], shifts[high >> 11 & 1],
                                  shifts[high >> 15 & 1]);
}

INLINE u8x32 codes_of_iq2_xxs(const uint8_t *p, int run) {
    const uint8_t *index = p + 2 + 8 * run;
    const uint64_t *book = codebooks.iq2_xxs;
    return with_signs(four_entries(book[index[0]], book[index[1]], book[index[2]], book[index[3]]),
                      even_signs(load_u32(index + 4)));
}

INLINE u8x32 codes_of_iq2_xs(const uint8_t *p, int run) {
    const uint8_t *at = p + 2 + 8 * run;
    const uint32_t a = load_u16(at), b = load_u16(at + 2), c = load_u16(at + 4), d = load_u16(at + 6);
    const uint64_t *book = codebooks.iq2_xs;
    return with_signs(four_entries(book[a & 511], book[b & 511], book[c & 511], book[d & 511]),
                      even_signs(a >> 9 | b >> 9 << 7 | c >> 9 << 14 | d >> 9 << 21));
}

INLINE u8x32 codes_of_iq2_s(const uint8_t *p, int run) {
    const uint8_t *low = p + 2 + 4 * run;
    const int high = p[66 + run];
    const uint64_t *book = codebooks.iq2_s;
    u8x32 magnitudes = four_entries(book[low[0] | (high << 8 & 0x300)], book[low[1] | (high << 6 & 0x300)],
                                    book[low[2] | (high << 4 & 0x300)], book[low[3] | (high << 2 & 0x300)]);
    return with_signs(magnitudes, load_u32(p + 34 + 4 * run));
}

INLINE u8x32 codes_of_iq3_xxs(const uint8_t *p, int run) {
    return with_signs(eight_entries(codebooks.iq3_xxs, p + 2 + 8 * run, 0), even_signs(load_u32(p + 66 + 4 * run)));
}

INLINE u8x32 codes_of_iq3_s(const uint8_t *p, int run) {
    return with_signs(eight_entries(codebooks.iq3_s, p + 2 + 8 * run, p[66 + run]), load_u32(p + 74 + 4 * run));
}

/* Digits 0, 1, 2 of fractions of 256 in base three: what a byte times three carries over. */
INLINE u8x32 carries(u8x32 fractions) { return (u8x32)(-((i8x32)(fractions > 85) + (i8x32)(fractions > 170))); }

/*
 * 32 bytes of five digits each hold elements 0 to 159, sixteen bytes of five 160 to 239, four bytes of four the rest;
 * digit after digit.
 */
INLINE u8x32 codes_of_tq1_0(const uint8_t *p, int run) {
    const uint8_t powers[5] = {1, 3, 9, 27, 81};
    if (run < 5) {
        return carries(load_u8x32(p) * powers[run]);
    }
    u8x16 five = load_u8x16(p + 32);
    if (run < 7) {
        return carries(join(five * powers[2 * run - 10], five * powers[2 * run - 9]));
    }
    uint32_t four = load_u32(p + 48);
    u8x16 last = (u8x16)(u32x4){four, four, four, four} *
                 (u8x16){1, 1, 1, 1, 3, 3, 3, 3, 9, 9, 9, 9, 27, 27, 27, 27};
    return carries(join(five * powers[4], last));
}

/* The integers of such types, as inner_scales of formats.h. */
INLINE void codebook_scales(const int type, const uint8_t *p, int16_t *scales) {
    for (int i = 0; i < CHUNK / scale_run(type); i++) {
        int s;
        switch (type) {
        case IQ1_S: s = load_u16(p + 34 + 2 * i) >> 12 & 7; break;
        case IQ1_M: s = load_u16(p + 48 + i / 4 * 2) >> 3 * (i % 4) & 7; break;
        case IQ2_XXS: s = (int)(load_u32(p + 6 + 8 * i) >> 28); break;
        case IQ2_XS: s = p[66 + i / 2] >> 4 * (i % 2) & 15; break;
        case IQ2_S: s = p[74 + i / 2] >> 4 * (i % 2) & 15; break;
        case IQ3_XXS: s = (int)(load_u32(p + 66 + 4 * i) >> 28); break;
        case IQ3_S: s = p[106 + i / 2] >> 4 * (i % 2) & 15; break;
        default: s = 0; break;
        }
        scales[i] = (int16_t)(2 * s + 1);
    }
}

/* The float scale of a block of such a type. */
INLINE float codebook_scale(const int type, const uint8_t *p) {
    switch (type) {
    case IQ1_M: {
        /* In the top four bits of four shorts, from its lowest bits up. */
        int bits = load_u16(p + 48) >> 12 | load_u16(p + 50) >> 12 << 4 | load_u16(p + 52) >> 12 << 8 |
                   load_u16(p + 54) >> 12 << 12;
        return 0.125f * half_to_float((uint16_t)bits);
    }
    case IQ3_XXS: return 0.25f * half_to_float(load_u16(p));
    case IQ3_S: return half_to_float(load_u16(p));
    default: return 0.125f * half_to_float(load_u16(p));
    }
}

#endif
