/* What instructions.cuh says in PTX, said in C++. The layouts of fragments are those of the PTX ISA. */
#ifndef JUGGLER_HOST_INSTRUCTIONS_H
#define JUGGLER_HOST_INSTRUCTIONS_H

#ifdef __F16C__
#include <immintrin.h>
#endif

inline float half_to_float(unsigned short bits) {
#ifdef __F16C__
    return _cvtsh_ss(bits);
#else
    const unsigned sign = (unsigned)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 31) {
        return __uint_as_float(sign | 0x7f800000u | fraction << 13);
    }
    if (exponent == 0) {
        const float value = (float)fraction * 5.9604644775390625e-8f; /* 2^-24 */
        return sign ? -value : value;
    }
    return __uint_as_float(sign | (exponent + 112) << 23 | fraction << 13);
#endif
}

/* To the nearest, ties to even. */
inline unsigned short float_to_half(float value) {
    const unsigned bits = __float_as_uint(value), magnitude = bits & 0x7fffffff;
    const unsigned sign = bits >> 16 & 0x8000;
    if (magnitude > 0x7f800000u) {
        return 0x7fff; /* as cvt does with every NaN */
    }
    if (magnitude >= 0x477ff000u) { /* 65520 and more */
        return (unsigned short)(sign | 0x7c00);
    }
    if (magnitude < 0x38800000u) { /* subnormal: adding 0.5 aligns the last bit with the float's */
        const float rounded = __uint_as_float(magnitude) + 0.5f;
        return (unsigned short)(sign | (__float_as_uint(rounded) - 0x3f000000u));
    }
    return (unsigned short)(sign | ((magnitude - 0x38000000u + 0xfff + (magnitude >> 13 & 1)) >> 13));
}

inline unsigned floats_to_halves(float low, float high) {
    return float_to_half(low) | (unsigned)float_to_half(high) << 16;
}

inline void copy_async_16(void *shared, const void *global) { memcpy(shared, global, 16); }
inline void copy_async_commit() {}
template <int GROUPS>
inline void copy_async_wait() {}

namespace juggler_host {

/* The addresses of the 32 rows that the lanes name. */
inline const uint64_t *named_rows(const void *row) {
    if ((uintptr_t)row % 16 != 0) {
        fail("a row of a matrix is not aligned to 16 bytes");
    }
    return exchange(LOAD_MATRICES, 0xffffffffu, (uint64_t)(uintptr_t)row);
}

} // namespace juggler_host

/* Four matrices of 8 rows of 16 bytes; lanes 8i to 8i + 7 name the rows of matrix i. */
inline void load_matrices(unsigned (&matrices)[4], const void *row) {
    const int lane = juggler_host::lane();
    const uint64_t *rows = juggler_host::named_rows(row);
    for (int i = 0; i < 4; i++) {
        memcpy(&matrices[i], (const char *)(uintptr_t)rows[8 * i + lane / 4] + lane % 4 * 4, 4);
    }
}

/* The same, transposed. */
inline void load_matrices_transposed(unsigned (&matrices)[4], const void *row) {
    const int lane = juggler_host::lane();
    const uint64_t *rows = juggler_host::named_rows(row);
    for (int i = 0; i < 4; i++) {
        unsigned short pair[2];
        for (int j = 0; j < 2; j++) {
            memcpy(&pair[j], (const char *)(uintptr_t)rows[8 * i + lane % 4 * 2 + j] + lane / 4 * 2, 2);
        }
        matrices[i] = pair[0] | (unsigned)pair[1] << 16;
    }
}

namespace juggler_host {

inline void multiply_fragments(Operands &operands) {
    float a[16][16], b[16][8];
    for (int lane = 0; lane < 32; lane++) {
        const int group = lane / 4, pair = lane % 4 * 2;
        const uint32_t *w = operands.words[lane];
        for (int i = 0; i < 2; i++) {
            a[group][pair + i] = half_to_float((unsigned short)(w[0] >> (16 * i)));
            a[group + 8][pair + i] = half_to_float((unsigned short)(w[1] >> (16 * i)));
            a[group][pair + 8 + i] = half_to_float((unsigned short)(w[2] >> (16 * i)));
            a[group + 8][pair + 8 + i] = half_to_float((unsigned short)(w[3] >> (16 * i)));
            b[pair + i][group] = half_to_float((unsigned short)(w[4] >> (16 * i)));
            b[pair + 8 + i][group] = half_to_float((unsigned short)(w[5] >> (16 * i)));
        }
    }
    float c[16][8] = {};
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < 16; k++) {
            for (int j = 0; j < 8; j++) {
                c[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < 4; i++) {
            uint32_t &word = operands.words[lane][6 + i];
            word = __float_as_uint(__uint_as_float(word) + c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
        }
    }
}

} // namespace juggler_host

/* c[16, 8] += a[16, 16] · b[16, 8] */
inline void multiply_halves(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    uint32_t words[juggler_host::MOST_WORDS];
    memcpy(words, a, 16);
    memcpy(words + 4, b, 8);
    memcpy(words + 6, c, 16);
    const uint32_t *results = juggler_host::exchange_words(juggler_host::MULTIPLY_MATRICES, words, juggler_host::MOST_WORDS,
                                                           juggler_host::multiply_fragments);
    memcpy(c, results + 6, 16);
}

#define DYNAMIC_SHARED(type, name) type *name = (type *)juggler_host::dynamic_shared()
#define EXPORT_SYMBOL(name) static const juggler_host::Symbol juggler_symbol_##name(#name, (void *)&name);

#endif
