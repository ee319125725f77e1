/*
 * How weights lie in GGUF blocks; dev.juggler.kernel.quant defines what they mean. Each quantized format is a struct with
 *
 *   TYPE, ELEMENTS, BYTES   its number, elements and bytes of a block
 *   OFFSET                  what is subtracted from each code
 *   HAS_SHIFT               whether something is added to the scaled codes
 *   segment(block, i)       elements 16i to 16i + 15: sixteen codes as bytes, in order, and their scale and shift:
 *                           value = (code - OFFSET) * scale + shift
 *   PIECE, piece(p, s)      segments that lie in the same bytes and so should be read by one thread: piece p of a block
 *                           is the segments piece(p, 0) to piece(p, PIECE - 1). The compiler merges their loads.
 *
 * Everything that multiplies or decodes weights is written once in terms of segments. Codes less OFFSET fit a signed
 * byte, so products with bytes are exact integers.
 */
#ifndef JUGGLER_FORMATS_CUH
#define JUGGLER_FORMATS_CUH

#include "common.cuh"

struct Segment {
    unsigned codes[4];
    float scale;
    float shift;
};

/*
 * COUNT words from any address, by aligned words: blocks of 18, 22, 34 or 210 bytes are aligned to 2, those of 17 to
 * nothing. No word is touched of which no byte is wanted.
 */
template <int COUNT>
__device__ __forceinline__ void load_words(const byte *p, unsigned (&words)[COUNT]) {
    const unsigned offset = (unsigned)(unsigned long long)p & 3;
    const unsigned *aligned = (const unsigned *)(p - offset);
    unsigned low = aligned[0];
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        const unsigned high = aligned[i + (i < COUNT - 1 || offset != 0)];
        words[i] = __funnelshift_r(low, high, offset * 8);
        low = high;
    }
}

/* Sixteen bytes of a format whose blocks are a multiple of 16 bytes: in one load where the tensor is aligned too. */
__device__ __forceinline__ void load_quad(const byte *p, unsigned (&words)[4]) {
    if (((unsigned long long)p & 15) == 0) {
        const uint4 quad = *(const uint4 *)p;
        words[0] = quad.x;
        words[1] = quad.y;
        words[2] = quad.z;
        words[3] = quad.w;
    } else {
        load_words(p, words);
    }
}

/* Two bytes: one load where the address is even, as it is in every file. */
__device__ __forceinline__ unsigned load_short(const byte *p) {
    return ((unsigned long long)p & 1) == 0 ? *(const unsigned short *)p : p[0] | (unsigned)p[1] << 8;
}
__device__ __forceinline__ unsigned load_word(const byte *p) {
    unsigned word[1];
    load_words(p, word);
    return word[0];
}
__device__ __forceinline__ float load_half(const byte *p) { return half_to_float((unsigned short)load_short(p)); }

/* Four bits to the lowest bits of four bytes. */
__device__ __forceinline__ unsigned spread_bits(unsigned four) { return (four & 15) * 0x00204081u & 0x01010101u; }

/* Codes of 16 bytes of nibbles: the low (0) or high (1) halves. */
__device__ __forceinline__ void load_nibbles(const byte *p, int high, unsigned (&codes)[4]) {
    load_words(p, codes);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        codes[i] = codes[i] >> (4 * high) & 0x0f0f0f0fu;
    }
}

/* Replaces four nibbles in the bytes of a word by bytes of a table of 16, of which a word of `table` holds four. */
__device__ __forceinline__ unsigned look_up(unsigned codes, unsigned t0, unsigned t1, unsigned t2, unsigned t3) {
    /* A byte permutation takes its selectors from neighbouring nibbles, of three bits. */
    const unsigned nibbles = (codes | codes >> 4) & 0x00ff00ffu;
    const unsigned packed = (nibbles | nibbles >> 8) & 0xffffu, selector = packed & 0x7777u;
    const unsigned lower = __byte_perm(t0, t1, selector), upper = __byte_perm(t2, t3, selector);
    return __byte_perm(lower, upper, 0x3210u | (packed & 0x8888u) >> 1);
}

/* Formats of 32 elements. Where codes have four bits, byte j holds elements j (low) and j + 16 (high). */

template <int TYPE_NUMBER, int BLOCK_BYTES, int CODE_OFFSET, bool SHIFTED>
struct SmallBlocks {
    enum { TYPE = TYPE_NUMBER, ELEMENTS = 32, BYTES = BLOCK_BYTES, OFFSET = CODE_OFFSET, PIECE = 2 };
    static const bool HAS_SHIFT = SHIFTED;
    static __device__ __forceinline__ int piece(int, int segment) { return segment; }
};

struct q4_0 : SmallBlocks<TYPE_Q4_0, 18, 8, false> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_nibbles(block + 2, i, s.codes);
        s.scale = load_half(block);
        return s;
    }
};

struct q4_1 : SmallBlocks<TYPE_Q4_1, 20, 0, true> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_nibbles(block + 4, i, s.codes);
        s.scale = load_half(block);
        s.shift = load_half(block + 2);
        return s;
    }
};

/* Adds fifth bits, sixteen of them, to codes. */
__device__ __forceinline__ void add_fifth_bits(unsigned bits, unsigned (&codes)[4]) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        codes[i] |= spread_bits(bits >> (4 * i)) << 4;
    }
}

struct q5_0 : SmallBlocks<TYPE_Q5_0, 22, 16, false> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_nibbles(block + 6, i, s.codes);
        add_fifth_bits(load_word(block + 2) >> (16 * i), s.codes);
        s.scale = load_half(block);
        return s;
    }
};

struct q5_1 : SmallBlocks<TYPE_Q5_1, 24, 0, true> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_nibbles(block + 8, i, s.codes);
        add_fifth_bits(load_word(block + 4) >> (16 * i), s.codes);
        s.scale = load_half(block);
        s.shift = load_half(block + 2);
        return s;
    }
};

/* Nothing is shared by the halves of a block, so each is a piece: lanes that are close read bytes that are close. */
struct q8_0 : SmallBlocks<TYPE_Q8_0, 34, 0, false> {
    enum { PIECE = 1 };
    static __device__ __forceinline__ int piece(int p, int) { return p; }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_words(block + 2 + 16 * i, s.codes);
        s.scale = load_half(block);
        return s;
    }
};

/* Codes of 16 bytes of nibbles into the table that IQ4_NL and IQ4_XS share. */
__device__ __forceinline__ void load_non_linear(const byte *p, int high, unsigned (&codes)[4]) {
    load_nibbles(p, high, codes);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        /* -127 -104 -83 -65, -49 -35 -22 -10, 1 13 25 38, 53 69 89 113 */
        codes[i] = look_up(codes[i], 0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
    }
}

struct iq4_nl : SmallBlocks<TYPE_IQ4_NL, 18, 0, false> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_non_linear(block + 2, i, s.codes);
        s.scale = load_half(block);
        return s;
    }
};

struct mxfp4 : SmallBlocks<TYPE_MXFP4, 17, 0, false> {
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_nibbles(block + 1, i, s.codes);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            /* Twice the values of E2M1: 0 1 2 3, 4 6 8 12, and the same negative. */
            s.codes[j] = look_up(s.codes[j], 0x03020100u, 0x0c080604u, 0xfdfeff00u, 0xf4f8fafcu);
        }
        /* So half of 2^(exponent - 127); the two smallest are subnormal. */
        const unsigned exponent = block[0];
        s.scale = __uint_as_float(exponent >= 2 ? (exponent - 1) << 23 : 0x00200000u << exponent);
        return s;
    }
};

/* Formats of 256 elements. */

template <int TYPE_NUMBER, int BLOCK_BYTES, int CODE_OFFSET, bool SHIFTED, int SEGMENTS>
struct LargeBlocks {
    enum { TYPE = TYPE_NUMBER, ELEMENTS = 256, BYTES = BLOCK_BYTES, OFFSET = CODE_OFFSET, PIECE = SEGMENTS };
    static const bool HAS_SHIFT = SHIFTED;
};

/* Two bits a code: 32 bytes hold 128 elements, bits 2j of byte l element 32j + l. */
__device__ __forceinline__ void load_two_bits(const byte *codes, int i, unsigned (&result)[4]) {
    load_words(codes + i / 8 * 32 + i % 2 * 16, result);
#pragma unroll
    for (int j = 0; j < 4; j++) {
        result[j] = result[j] >> (2 * (i / 2 % 4)) & 0x03030303u;
    }
}

/* Piece p of such a format: 16 bytes, whose four segments are 32 elements apart. */
__device__ __forceinline__ int two_bit_piece(int p, int segment) { return p / 2 * 8 + 2 * segment + p % 2; }

struct q2_k : LargeBlocks<TYPE_Q2_K, 84, 0, true, 4> {
    static __device__ __forceinline__ int piece(int p, int segment) { return two_bit_piece(p, segment); }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_two_bits(block + 16, i, s.codes);
        const unsigned packed = block[i];
        s.scale = load_half(block + 80) * (float)(packed & 15);
        s.shift = -(load_half(block + 82) * (float)(packed >> 4));
        return s;
    }
};

struct q3_k : LargeBlocks<TYPE_Q3_K, 110, 4, false, 4> {
    static __device__ __forceinline__ int piece(int p, int segment) { return two_bit_piece(p, segment); }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_two_bits(block + 32, i, s.codes);
        unsigned third[4];
        load_words(block + i % 2 * 16, third);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            s.codes[j] |= (third[j] >> (i / 2) & 0x01010101u) << 2;
        }
        /* Sixteen scales of six bits: four low ones in the halves of eight bytes, two high ones in four more. */
        const unsigned low = block[96 + i % 8] >> (4 * (i / 8)) & 15, high = block[104 + i % 4] >> (2 * (i / 4)) & 3;
        s.scale = load_half(block + 108) * (float)((int)(low | high << 4) - 32);
        return s;
    }
};

/*
 * The first sixteen bytes of Q4_K and Q5_K: two F16 factors, then eight scales and eight minimums of six bits. Those of
 * groups 0 to 3 are the low bits of bytes 0 to 3 and 4 to 7; the others have four bits in bytes 8 to 11, scale low and
 * minimum high, and their upper two on top of the first ones. Without branches, since lanes have different groups.
 */
__device__ __forceinline__ void load_six_bits(const byte *block, int group, Segment &s) {
    unsigned header[4];
    load_quad(block, header);
    const int shift = 8 * (group % 4);
    const unsigned a = header[1] >> shift, b = header[2] >> shift, c = header[3] >> shift;
    const unsigned scale = group < 4 ? a & 63 : (c & 15) | (a >> 2 & 48);
    const unsigned minimum = group < 4 ? b & 63 : (c >> 4 & 15) | (b >> 2 & 48);
    s.scale = half_to_float((unsigned short)header[0]) * (float)scale;
    s.shift = -(half_to_float((unsigned short)(header[0] >> 16)) * (float)minimum);
}

/* Nibbles of Q4_K and Q5_K: 32 bytes hold 64 elements, low halves first. */
__device__ __forceinline__ void load_wide_nibbles(const byte *codes, int i, unsigned (&result)[4]) {
    load_quad(codes + i / 4 * 32 + i % 2 * 16, result);
#pragma unroll
    for (int j = 0; j < 4; j++) {
        result[j] = result[j] >> (4 * (i / 2 % 2)) & 0x0f0f0f0fu;
    }
}

struct q4_k : LargeBlocks<TYPE_Q4_K, 144, 0, true, 2> {
    static __device__ __forceinline__ int piece(int p, int segment) { return p / 2 * 4 + 2 * segment + p % 2; }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_wide_nibbles(block + 16, i, s.codes);
        load_six_bits(block, i / 2, s);
        return s;
    }
};

struct q5_k : LargeBlocks<TYPE_Q5_K, 176, 0, true, 2> {
    static __device__ __forceinline__ int piece(int p, int segment) { return q4_k::piece(p, segment); }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        Segment s;
        load_wide_nibbles(block + 48, i, s.codes);
        unsigned fifth[4];
        load_quad(block + 16 + i % 2 * 16, fifth);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            s.codes[j] |= (fifth[j] >> (i / 2) & 0x01010101u) << 4;
        }
        load_six_bits(block, i / 2, s);
        return s;
    }
};

/* 64 bytes of low halves serve 128 elements: bytes 0 to 31 elements l and l + 64, bytes 32 to 63 l + 32 and l + 96. */
struct q6_k : LargeBlocks<TYPE_Q6_K, 210, 32, false, 2> {
    static __device__ __forceinline__ int piece(int p, int segment) { return p / 4 * 8 + p % 4 + 4 * segment; }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        const int half = i / 8, quarter = i / 2 % 4, first = i % 2 * 16;
        Segment s;
        load_nibbles(block + 64 * half + 32 * (quarter % 2) + first, quarter / 2, s.codes);
        unsigned high[4];
        load_words(block + 128 + 32 * half + first, high);
#pragma unroll
        for (int j = 0; j < 4; j++) {
            s.codes[j] |= (high[j] >> (2 * quarter) & 0x03030303u) << 4;
        }
        s.scale = load_half(block + 208) * (float)(signed char)block[192 + i];
        return s;
    }
};

struct iq4_xs : LargeBlocks<TYPE_IQ4_XS, 136, 0, false, 2> {
    static __device__ __forceinline__ int piece(int p, int segment) { return 2 * p + segment; }
    static __device__ __forceinline__ Segment segment(const byte *block, int i) {
        const int group = i / 2;
        Segment s;
        load_non_linear(block + 8 + 16 * group, i % 2, s.codes);
        const unsigned low = block[4 + group / 2] >> (4 * (group % 2)) & 15, high = load_short(block + 2) >> (2 * group) & 3;
        s.scale = load_half(block) * (float)((int)(low | high << 4) - 32);
        return s;
    }
};

#include "codebooks.cuh"

/* Calls M for the quantized formats that most files are made of; for those of few files; for all. */
#define EACH_FREQUENT(M) \
    M(q4_0) M(q4_1) M(q5_0) M(q5_1) M(q8_0) M(iq4_nl) M(mxfp4) M(q2_k) M(q3_k) M(q4_k) M(q5_k) M(q6_k) M(iq4_xs)
#define EACH_RARE(M) M(iq1_s) M(iq1_m) M(iq2_xxs) M(iq2_xs) M(iq2_s) M(iq3_xxs) M(iq3_s) M(tq1_0) M(tq2_0)
#define EACH_QUANTIZED(M) EACH_FREQUENT(M) EACH_RARE(M)

/* Plain formats: an element is a number. */

struct f32 {
    static const int TYPE = TYPE_F32, BYTES = 4;
    /* An element of a tensor of any alignment. */
    static __device__ __forceinline__ float load(const byte *p) {
        return ((unsigned long long)p & 3) == 0 ? *(const float *)p : __uint_as_float(load_word(p));
    }
};
struct f16 {
    static const int TYPE = TYPE_F16, BYTES = 2;
    static __device__ __forceinline__ float load(const byte *p) { return half_to_float(bits(p)); }
    static __device__ __forceinline__ unsigned short bits(const byte *p) {
        return ((unsigned long long)p & 1) == 0 ? *(const unsigned short *)p : (unsigned short)load_short(p);
    }
};
struct bf16 {
    static const int TYPE = TYPE_BF16, BYTES = 2;
    static __device__ __forceinline__ float load(const byte *p) { return brain_to_float(f16::bits(p)); }
};

#define EACH_PLAIN(M) M(f32) M(f16) M(bf16)

/* Sixteen elements of a row from element 16 * i on, in F32; those from `columns` on are 0. */
template <class Format>
struct Decoder {
    static __device__ __forceinline__ void decode(const byte *row, int i, int, float (&values)[16]) {
        const int segments = Format::ELEMENTS / 16;
        const Segment s = Format::segment(row + (int64)(i / segments) * Format::BYTES, i % segments);
#pragma unroll
        for (int j = 0; j < 16; j++) {
            const float code = (float)((int)(signed char)(s.codes[j / 4] >> (8 * (j % 4))) - Format::OFFSET);
            values[j] = Format::HAS_SHIFT ? code * s.scale + s.shift : code * s.scale;
        }
    }
};
template <class Format>
struct PlainDecoder {
    static __device__ __forceinline__ void decode(const byte *row, int i, int columns, float (&values)[16]) {
#pragma unroll
        for (int j = 0; j < 16; j++) {
            const int at = 16 * i + j;
            values[j] = at < columns ? Format::load(row + (int64)at * Format::BYTES) : 0.0f;
        }
    }
};
template <>
struct Decoder<f32> : PlainDecoder<f32> {};
template <>
struct Decoder<f16> : PlainDecoder<f16> {};
template <>
struct Decoder<bf16> : PlainDecoder<bf16> {};

/* As Decoder, of a type that is known at run time only: all threads of a warp have the same. */
__device__ __noinline__ void decode_segment(int type, const byte *row, int i, int columns, float (&values)[16]) {
    switch (type) {
#define DECODE(format) \
    case format::TYPE: Decoder<format>::decode(row, i, columns, values); break;
        EACH_QUANTIZED(DECODE)
        EACH_PLAIN(DECODE)
#undef DECODE
    }
}

/* Bytes of a row of so many elements. */
__device__ __forceinline__ int64 row_bytes(int type, int64 columns) {
    switch (type) {
#define ROW_BYTES(format) \
    case format::TYPE: return columns / format::ELEMENTS * format::BYTES;
        EACH_QUANTIZED(ROW_BYTES)
#undef ROW_BYTES
    case TYPE_F32: return columns * 4;
    default: return columns * 2;
    }
}

#endif
