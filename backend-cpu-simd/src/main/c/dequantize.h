/* Takes chunks of weight rows apart: into bfloat16, or bytes with one scale for the chunk. */
#ifndef JUGGLER_DEQUANTIZE_H
#define JUGGLER_DEQUANTIZE_H

#include "tiles.h"
#include "unpack.h"

/* value = code * scale + shift, for each run of equal scale in a chunk. */
struct factors {
    float scale[16];
    float shift[16];
};

/* Sixteen (eight) products of a float with shorts. */
INLINE void scale_shorts(float scale, const int16_t *shorts, int count, float *out) {
    for (int i = 0; i < count; i += 8) {
        __m256i wide = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(shorts + i)));
        _mm256_storeu_ps(out + i, _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_cvtepi32_ps(wide)));
    }
}

INLINE void fill_factors(const int type, const uint8_t *p, int runs, struct factors *factors) {
    if (has_inner_scales(type)) {
        int16_t scales[16], minimums[16];
        const int count = CHUNK / scale_run(type);
        inner_scales(type, p, scales, minimums);
        scale_shorts(block_scale(type, p), scales, count, factors->scale);
        if (has_minimums(type)) {
            scale_shorts(-block_minimum(type, p), minimums, count, factors->shift);
        }
        return;
    }
    for (int run = 0; run < runs; run++) {
        factors->scale[run] = block_scale(type, p + run * block_bytes(type));
        if (has_minimums(type)) {
            factors->shift[run] = block_minimum(type, p + run * block_bytes(type));
        }
    }
}

/* Half of a run: sixteen values. */
INLINE __m512 half_run(const int type, u8x16 codes, const struct factors *factors, int run, int half) {
    const int i = has_inner_scales(type) && scale_run(type) == 16 ? 2 * run + half : run;
    /* Offsets are subtracted from the bytes, which are signed then. */
    const bool is_signed = has_signed_codes(type) || code_offset(type) != 0;
    __m512i wide = is_signed ? _mm512_cvtepi8_epi32((__m128i)codes) : _mm512_cvtepu8_epi32((__m128i)codes);
    __m512 value = _mm512_cvtepi32_ps(wide), scale = _mm512_set1_ps(factors->scale[i]);
    return has_minimums(type) ? _mm512_fmadd_ps(value, scale, _mm512_set1_ps(factors->shift[i]))
                              : _mm512_mul_ps(value, scale);
}

INLINE u8x16 half_of(u8x32 v, int half) {
    u8x16 part;
    memcpy(&part, (const uint8_t *)&v + 16 * half, sizeof part);
    return part;
}

/* The 32 values of a run, of which `count` there are. */
INLINE void run_values(const int type, const uint8_t *p, int run, int count, const struct factors *factors,
                       __m512 *values) {
    if (type == BF16) {
        for (int half = 0; half < 2; half++) {
            __m256i brains = _mm256_maskz_loadu_epi16(lanes_below(count - 16 * half), p + 2 * (32 * run + 16 * half));
            values[half] = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(brains), 16));
        }
        return;
    }
    u8x32 c = codes(type, p, run) - ((u8x32){0} + (uint8_t)code_offset(type));
    for (int half = 0; half < 2; half++) {
        values[half] = half_run(type, half_of(c, half), factors, run, half);
    }
}

/* True where codes are below 32, or below 16 where two scales share a run: few values, which can be looked up. */
INLINE bool has_few_values(int type) {
    switch (type) {
    case Q4_0: case Q4_1: case Q5_0: case Q5_1: case Q2_K: case Q3_K: case Q4_K: case Q5_K: return true;
    default: return false;
    }
}

static const float counting[32] __attribute__((unused)) = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                                           16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/* A run of a type with few values: those of all codes are rounded, and the codes look theirs up. */
INLINE __m512i looked_up(const int type, const uint8_t *p, int run, const struct factors *factors) {
    const bool two_scales = has_inner_scales(type) && scale_run(type) == 16;
    u8x32 c = codes(type, p, run);
    __m512 values[2];
    for (int half = 0; half < 2; half++) {
        const int i = two_scales ? 2 * run + half : run;
        __m512 code = _mm512_loadu_ps(counting + (two_scales ? 0 : 16 * half));
        __m512 value = _mm512_add_ps(code, _mm512_set1_ps((float)-code_offset(type)));
        __m512 scale = _mm512_set1_ps(factors->scale[i]);
        values[half] = has_minimums(type) ? _mm512_fmadd_ps(value, scale, _mm512_set1_ps(factors->shift[i]))
                                          : _mm512_mul_ps(value, scale);
        if (!two_scales && largest_code(type) <= 15) {
            values[1] = values[0]; /* which nothing looks up */
            break;
        }
    }
    if (two_scales) {
        c |= (u8x32)join((u8x16){0}, (u8x16){0} + 16);
    }
    __m512bh pairs = _mm512_cvtne2ps_pbh(values[1], values[0]);
    __m512i table;
    memcpy(&table, &pairs, sizeof table);
    return _mm512_permutexvar_epi16(_mm512_cvtepu8_epi16((__m256i)c), table);
}

/* True where 16 values of a run are told apart by four bits of a byte and share a scale. */
INLINE bool has_sixteen_values(int type) {
    switch (type) {
    case Q4_0: case Q4_1: case Q4_K: case IQ4_NL: case IQ4_XS: case MXFP4: return true;
    default: return false;
    }
}

/* What four bits stand for. */
INLINE __m512 sixteen_values(const int type) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(type == MXFP4 ? twice_e2m1 : non_linear));
    __m512 values = type == MXFP4 || type == IQ4_NL || type == IQ4_XS ? _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
                                                                      : _mm512_loadu_ps(counting);
    return code_offset(type) ? _mm512_sub_ps(values, _mm512_set1_ps((float)code_offset(type))) : values;
}

/* The bytes of runs 2 * pair and 2 * pair + 1. */
INLINE __m256i bytes_of_two(const int type, const uint8_t *p, int pair) {
    const int64_t next = block_bytes(type);
    switch (type) {
    case Q4_K: return (__m256i)load_u8x32(p + 16 + pair * 32);
    case IQ4_XS: return (__m256i)load_u8x32(p + 8 + pair * 32);
    default:
        p += 2 * pair * next + next - 16;
        return (__m256i)join(load_u8x16(p), load_u8x16(p + next));
    }
}

/*
 * Two runs of a type with sixteen values: those of both are rounded, a table of 32 in which four bits and which run it is
 * look them up. In the low bits of 32 bytes is the first run and in the high ones the second (Q4_K); or of 16 bytes, the
 * halves of a run.
 */
INLINE void look_two_up(const int type, const uint8_t *p, int pair, const struct factors *factors, uint8_t *out) {
    const __m512i four_bits = _mm512_set1_epi16(15);
    const __m512i all_second = _mm512_set1_epi16(16);
    const __m512i second_half = _mm512_inserti64x4(all_second, _mm256_setzero_si256(), 0);
    const bool by_halves = type != Q4_K;
    const __m512 meaning = sixteen_values(type);
    __m512 values[2];
    for (int i = 0; i < 2; i++) {
        __m512 scale = _mm512_set1_ps(factors->scale[2 * pair + i]);
        values[i] = has_minimums(type) ? _mm512_fmadd_ps(meaning, scale, _mm512_set1_ps(factors->shift[2 * pair + i]))
                                       : _mm512_mul_ps(meaning, scale);
    }
    __m512bh pairs = _mm512_cvtne2ps_pbh(values[1], values[0]);
    __m512i table, words = _mm512_cvtepu8_epi16(bytes_of_two(type, p, pair)), high = _mm512_srli_epi16(words, 4);
    memcpy(&table, &pairs, sizeof table);
    /* a & 15 | b */
    __m512i first_index = by_halves ? _mm512_ternarylogic_epi64(words, four_bits, second_half, 0xea)
                                    : _mm512_and_si512(words, four_bits);
    __m512i second_index = _mm512_ternarylogic_epi64(high, four_bits, by_halves ? second_half : all_second, 0xea);
    __m512i a = _mm512_permutexvar_epi16(first_index, table), b = _mm512_permutexvar_epi16(second_index, table);
    if (!by_halves) {
        _mm512_storeu_si512(out, a);
        _mm512_storeu_si512(out + 64, b);
        return;
    }
    _mm256_storeu_si256((__m256i *)(void *)out, _mm512_castsi512_si256(a));
    _mm256_storeu_si256((__m256i *)(void *)(out + 32), _mm512_castsi512_si256(b));
    _mm256_storeu_si256((__m256i *)(void *)(out + 64), _mm512_extracti64x4_epi64(a, 1));
    _mm256_storeu_si256((__m256i *)(void *)(out + 96), _mm512_extracti64x4_epi64(b, 1));
}

/* A chunk of a weight row, or its first `columns`, as bfloat16. */
INLINE void row_to_bf16(const int type, const uint8_t *p, int columns, uint8_t *out) {
    const int runs = (columns + RUN - 1) / RUN;
    struct factors factors;
    fill_factors(type, p, runs, &factors);
    WRITTEN_TO(&factors);
#pragma GCC unroll 8
    for (int run = 0; run < RUNS; run++) {
        if (has_sixteen_values(type) && (run | 1) < runs) {
            if (run % 2 == 0) {
                look_two_up(type, p, run / 2, &factors, out + run * TILE_ROW_BYTES);
            }
        } else if (run < runs && has_few_values(type)) {
            _mm512_storeu_si512(out + run * TILE_ROW_BYTES, looked_up(type, p, run, &factors));
        } else if (run < runs) {
            __m512 values[2];
            run_values(type, p, run, columns - run * RUN, &factors, values);
            __m512bh pairs = _mm512_cvtne2ps_pbh(values[1], values[0]);
            memcpy(out + run * TILE_ROW_BYTES, &pairs, sizeof pairs);
        }
    }
}

/* Rounds 256 values to bytes that share the scale that is returned: their largest magnitude / 127. */
INLINE float to_bytes(const __m512 *values, uint8_t *out) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i largest = _mm512_setzero_si512();
    for (int i = 0; i < CHUNK / 16; i++) {
        /* As integers, so that a NaN is larger than everything and spoils the scale, as it must. */
        largest = _mm512_max_epi32(largest, _mm512_and_si512(_mm512_castps_si512(values[i]), magnitude));
    }
    int32_t bits = _mm512_reduce_max_epi32(largest);
    float most;
    memcpy(&most, &bits, sizeof most);
    /* Below 2^-120 the factor would be infinite. */
    __m512 factor = _mm512_set1_ps(bits > 0x03800000 ? 127.0f / most : 0.0f);
    for (int i = 0; i < CHUNK / 16; i++) {
        __m128i bytes = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(values[i], factor)));
        memcpy(out + i * 16, &bytes, sizeof bytes);
    }
    return most / 127.0f;
}

/* A chunk of a weight row as bytes; gives their scale. */
INLINE float row_to_bytes(const int type, const uint8_t *p, int columns, uint8_t *out) {
    const int runs = columns / RUN;
    struct factors factors;
    __m512 values[CHUNK / 16];
    fill_factors(type, p, runs, &factors);
    WRITTEN_TO(&factors);
    for (int run = 0; run < RUNS; run++) {
        if (run < runs) {
            run_values(type, p, run, RUN, &factors, values + 2 * run);
        } else {
            values[2 * run] = values[2 * run + 1] = _mm512_set1_ps(0);
        }
    }
    return to_bytes(values, out);
}

#endif
