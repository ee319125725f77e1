/*
 * Formats whose codes point into tables, and ternary ones; included by formats.cuh. The tables come from the host, which
 * has them in dev.juggler.kernel.quant.Codebook: expanded to bytes, one after the other.
 */
#ifndef JUGGLER_CODEBOOKS_CUH
#define JUGGLER_CODEBOOKS_CUH

enum {
    BOOK_IQ1_S = 0,
    BOOK_IQ2_XXS = BOOK_IQ1_S + 2048 * 8,
    BOOK_IQ2_XS = BOOK_IQ2_XXS + 256 * 8,
    BOOK_IQ2_S = BOOK_IQ2_XS + 512 * 8,
    BOOK_IQ3_XXS = BOOK_IQ2_S + 1024 * 8,
    BOOK_IQ3_S = BOOK_IQ3_XXS + 256 * 4,
    BOOK_END = BOOK_IQ3_S + 512 * 4
};

extern "C" {
__device__ __align__(16) byte juggler_codebooks[BOOK_END];
}
EXPORT_SYMBOL(juggler_codebooks)

/* Four magnitudes, each negative where its bit is set. No magnitude is 0, so no byte carries into the next. */
__device__ __forceinline__ unsigned with_signs(unsigned magnitudes, unsigned bits) {
    const unsigned ones = spread_bits(bits);
    return (magnitudes ^ ones * 255) + ones;
}

/* Eight elements of a segment, its first (0) or second (1) half, from a table with vectors of 8. */
__device__ __forceinline__ void signed_vector(int book, unsigned index, unsigned signs, Segment &s, int half) {
    const uint2 vector = *(const uint2 *)(juggler_codebooks + book + 8 * index);
    s.codes[2 * half] = with_signs(vector.x, signs);
    s.codes[2 * half + 1] = with_signs(vector.y, signs >> 4);
}

/* Four elements, from a table with vectors of 4. */
__device__ __forceinline__ unsigned signed_quarter(int book, unsigned index, unsigned signs) {
    return with_signs(*(const unsigned *)(juggler_codebooks + book + 4 * index), signs);
}

/* Seven signs are stored; the eighth makes the number of minus signs even. */
__device__ __forceinline__ unsigned eighth_sign(unsigned seven) { return seven | (__popc(seven) & 1) << 7; }

template <int TYPE_NUMBER, int BLOCK_BYTES, int CODE_OFFSET = 0>
struct CodebookBlocks : LargeBlocks<TYPE_NUMBER, BLOCK_BYTES, CODE_OFFSET, false, 2> {
    static __device__ __forceinline__ int piece(int p, int segment) { return 2 * p + segment; }
};

/* Scale of a segment where four bits serve one: the half of a byte. */
__device__ __forceinline__ float half_byte_scale(const byte *block, const byte *scales, int i) {
    return load_half(block) * (0.5f + (float)(scales[i / 2] >> (4 * (i % 2)) & 15)) * 0.25f;
}

/* F16 factor; for 32 elements four index bytes, then 28 sign bits and four scale bits. */
struct iq2_xxs : CodebookBlocks<TYPE_IQ2_XXS, 66> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        const byte *indices = block + 2 + i / 2 * 8;
        const unsigned packed = load_word(indices + 4);
        Segment s;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int vector = i % 2 * 2 + half;
            signed_vector(BOOK_IQ2_XXS, indices[vector], eighth_sign(packed >> (7 * vector) & 127), s, half);
        }
        s.scale = load_half(block) * (0.5f + (float)(packed >> 28)) * 0.25f;
        return s;
    }
};

/* F16 factor, 32 shorts of nine index and seven sign bits, 8 bytes of scales. */
struct iq2_xs : CodebookBlocks<TYPE_IQ2_XS, 74> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const unsigned code = load_short(block + 2 + 2 * (2 * i + half));
            signed_vector(BOOK_IQ2_XS, code & 511, eighth_sign(code >> 9), s, half);
        }
        s.scale = half_byte_scale(block, block + 66, i);
        return s;
    }
};

/* F16 factor, 32 low index bytes, 32 bytes of signs, 8 bytes of high index bits, 8 bytes of scales. */
struct iq2_s : CodebookBlocks<TYPE_IQ2_S, 82> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int vector = 2 * i + half;
            const unsigned high = block[66 + vector / 4] >> (2 * (vector % 4)) & 3;
            signed_vector(BOOK_IQ2_S, block[2 + vector] | high << 8, block[34 + vector], s, half);
        }
        s.scale = half_byte_scale(block, block + 74, i);
        return s;
    }
};

/* F16 factor, 64 index bytes, for 32 elements 28 sign bits and four scale bits. */
struct iq3_xxs : CodebookBlocks<TYPE_IQ3_XXS, 98> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        const unsigned packed = load_word(block + 66 + i / 2 * 4);
        Segment s;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const unsigned signs = eighth_sign(packed >> (7 * (i % 2 * 2 + j / 2)) & 127) >> (4 * (j % 2));
            s.codes[j] = signed_quarter(BOOK_IQ3_XXS, block[2 + 4 * i + j], signs);
        }
        s.scale = load_half(block) * (0.5f + (float)(packed >> 28)) * 0.5f;
        return s;
    }
};

/* F16 factor, 64 low index bytes, 8 bytes of ninth bits, 32 bytes of signs, 4 bytes of two scales. */
struct iq3_s : CodebookBlocks<TYPE_IQ3_S, 110> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        const int group = i / 2;
        Segment s;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int vector = i % 2 * 4 + j;
            const unsigned ninth = block[66 + group] >> vector & 1;
            const unsigned signs = block[74 + 4 * group + vector / 2] >> (4 * (vector % 2));
            s.codes[j] = signed_quarter(BOOK_IQ3_S, block[2 + 8 * group + vector] | ninth << 8, signs);
        }
        s.scale = load_half(block) * (float)(1 + 2 * (block[106 + group / 2] >> (4 * (group % 2)) & 15));
        return s;
    }
};

/*
 * IQ1: elements are -1, 0 or 1, all shifted by an eighth up or down. In eighths they are integers: 8 * element +- 1,
 * with an eighth of the scale. `down` is 1 where the shift is negative.
 */
__device__ __forceinline__ unsigned in_eighths(unsigned ternary, unsigned down) {
    const unsigned eighths = ternary << 3 & 0xf8f8f8f8u;
    /* One more sets the lowest bit; one less, byte by byte, without borrowing from the next. */
    return down ? ((eighths | 0x80808080u) - 0x01010101u) ^ (~eighths & 0x80808080u) : eighths | 0x01010101u;
}

__device__ __forceinline__ void shifted_vector(unsigned index, unsigned down, Segment &s, int half) {
    const uint2 vector = *(const uint2 *)(juggler_codebooks + BOOK_IQ1_S + 8 * index);
    s.codes[2 * half] = in_eighths(vector.x, down);
    s.codes[2 * half + 1] = in_eighths(vector.y, down);
}

/* F16 factor, 32 low index bytes, for 32 elements a short: high bits of four indices, three scale bits, the shift. */
struct iq1_s : CodebookBlocks<TYPE_IQ1_S, 50> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        const unsigned high = load_short(block + 34 + i / 2 * 2);
        Segment s;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int vector = i % 2 * 2 + half;
            shifted_vector(block[2 + 2 * i + half] | (high >> (3 * vector) & 7) << 8, high >> 15, s, half);
        }
        s.scale = load_half(block) * (float)(2 * (high >> 12 & 7) + 1) * 0.125f;
        return s;
    }
};

/*
 * 32 low index bytes, 16 bytes of high index bits and shifts of two vectors, four shorts of four scales of three bits
 * whose top four bits are the F16 factor.
 */
struct iq1_m : CodebookBlocks<TYPE_IQ1_M, 56> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        unsigned factor = 0;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            factor |= load_short(block + 48 + 2 * j) >> 12 << (4 * j);
        }
        Segment s;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const unsigned high = block[32 + i] >> (4 * half) & 15;
            shifted_vector(block[2 * i + half] | (high & 7) << 8, high >> 3, s, half);
        }
        const unsigned scale = load_short(block + 48 + i / 4 * 2) >> (3 * (i % 4)) & 7;
        s.scale = half_to_float((unsigned short)factor) * (float)(2 * scale + 1) * 0.125f;
        return s;
    }
};

/*
 * Base three in fixed-point bytes: multiplying a byte by 3 lets its next digit overflow. 32 and then 16 bytes of five
 * digits, 4 bytes of four, F16 scale; digit d of the bytes is as far from digit d - 1 as there are bytes.
 */
struct tq1_0 : CodebookBlocks<TYPE_TQ1_0, 54, 1> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        const int digit = i < 10 ? i / 2 : i - 10;
        const int from = i < 10 ? i % 2 * 16 : 32;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            unsigned bytes[4];
#pragma unroll
            for (int b = 0; b < 4; b++) {
                bytes[b] = i < 15 ? nth_digit(block[from + 4 * j + b], digit) : nth_digit(block[48 + b], j);
            }
            s.codes[j] = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24;
        }
        s.scale = load_half(block + 52);
        return s;
    }
    static __device__ __forceinline__ unsigned nth_digit(unsigned fraction, int digit) {
        for (int d = 0; d < digit; d++) {
            fraction = fraction * 3 & 255;
        }
        return fraction * 3 >> 8;
    }
};

/* 64 bytes of two-bit codes, F16 scale. */
struct tq2_0 : LargeBlocks<TYPE_TQ2_0, 66, 1, false, 4> {
    static __device__ __forceinline__ int piece(int p, int segment) { return two_bit_piece(p, segment); }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_two_bits(block, i, s.codes);
        s.scale = load_half(block + 64);
        return s;
    }
};

#endif
