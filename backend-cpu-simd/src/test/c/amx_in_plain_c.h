/*
 * The tile operations that the kernels use, and the AVX-512 ones beside them, in plain C: after avx512_in_plain_c.h.
 * They stop the program where the processor would raise a fault: a configuration it refuses, tiles that do not fit
 * together, tiles without a configuration. What each does is the pseudocode of Intel's manual.
 */
#ifndef JUGGLER_AMX_IN_PLAIN_C_H
#define JUGGLER_AMX_IN_PLAIN_C_H

#include "avx512_in_plain_c.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#define __m512bh plain512

#define FAULT(reason) (fprintf(stderr, "%s:%d: the processor would fault: %s\n", __FILE__, __LINE__, reason), abort())

struct plain_tile {
    int rows, row_bytes;
    uint8_t bytes[16][64];
};

static _Thread_local struct plain_tile plain_tiles[8] __attribute__((unused));
static _Thread_local int plain_configured __attribute__((unused));

PLAIN void plain_release(void) {
    memset(plain_tiles, 0, sizeof plain_tiles);
    plain_configured = 0;
}

/* LDTILECFG: palette 0 gives tiles back, palette 1 is eight tiles of up to 16 rows of 64 bytes. */
PLAIN void plain_load_config(const void *p) {
    uint8_t c[64];
    memcpy(c, p, sizeof c);
    plain_release();
    if (c[0] == 0) {
        return;
    }
    if (c[0] != 1) {
        FAULT("palette");
    }
    for (int i = 2; i < 16; i++) {
        if (c[i]) {
            FAULT("reserved bytes of a configuration");
        }
    }
    for (int t = 0; t < 16; t++) {
        int row_bytes = c[16 + 2 * t] | c[17 + 2 * t] << 8, rows = c[48 + t];
        if (t >= 8 && (row_bytes || rows)) {
            FAULT("there are eight tiles");
        }
        if (row_bytes > 64 || rows > 16 || !row_bytes != !rows) {
            FAULT("size of a tile");
        }
        if (t < 8) {
            plain_tiles[t].rows = rows;
            plain_tiles[t].row_bytes = row_bytes;
        }
    }
    plain_configured = 1;
}

PLAIN struct plain_tile *plain_tile_of(int t) {
    if (!plain_configured || t < 0 || t >= 8 || plain_tiles[t].rows == 0) {
        FAULT("a tile that is not configured");
    }
    return &plain_tiles[t];
}

PLAIN void plain_tile_zero(int t) { memset(plain_tile_of(t)->bytes, 0, sizeof plain_tiles[t].bytes); }

PLAIN void plain_tile_load(int t, const void *p, int64_t stride) {
    struct plain_tile *tile = plain_tile_of(t);
    plain_tile_zero(t);
    for (int r = 0; r < tile->rows; r++) {
        memcpy(tile->bytes[r], (const uint8_t *)p + r * stride, (size_t)tile->row_bytes);
    }
}

PLAIN void plain_tile_store(int t, void *p, int64_t stride) {
    struct plain_tile *tile = plain_tile_of(t);
    for (int r = 0; r < tile->rows; r++) {
        memcpy((uint8_t *)p + r * stride, tile->bytes[r], (size_t)tile->row_bytes);
    }
}

PLAIN void plain_check_factors(int c, int a, int b) {
    struct plain_tile *sum = plain_tile_of(c), *left = plain_tile_of(a), *right = plain_tile_of(b);
    if (c == a || c == b || a == b) {
        FAULT("three different tiles are needed");
    }
    if (sum->rows != left->rows || sum->row_bytes != right->row_bytes || left->row_bytes != 4 * right->rows ||
        sum->row_bytes % 4 != 0) {
        FAULT("tiles do not fit together");
    }
}

/* What is too small for a normal number is zero, in operands and in results. */
PLAIN float plain_flushed(float x) { return fabsf(x) < FLT_MIN ? copysignf(0, x) : x; }

PLAIN float plain_brain(const uint8_t *p) {
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float x;
    memcpy(&x, &bits, sizeof x);
    return plain_flushed(x);
}

/* TDPBF16PS: even and odd elements are summed by fused multiply-adds each, then together, then to the sums there are. */
PLAIN void plain_dpbf16ps(int c, int a, int b) {
    plain_check_factors(c, a, b);
    struct plain_tile *sum = &plain_tiles[c];
    for (int m = 0; m < sum->rows; m++) {
        float even[16] = {0}, odd[16] = {0};
        for (int k = 0; k < plain_tiles[a].row_bytes / 4; k++) {
            const uint8_t *left = plain_tiles[a].bytes[m] + 4 * k;
            for (int n = 0; n < sum->row_bytes / 4; n++) {
                const uint8_t *right = plain_tiles[b].bytes[k] + 4 * n;
                even[n] = plain_flushed(fmaf(plain_brain(left), plain_brain(right), even[n]));
                odd[n] = plain_flushed(fmaf(plain_brain(left + 2), plain_brain(right + 2), odd[n]));
            }
        }
        for (int n = 0; n < sum->row_bytes / 4; n++) {
            float before;
            memcpy(&before, sum->bytes[m] + 4 * n, 4);
            float after = plain_flushed(plain_flushed(before) + plain_flushed(even[n] + odd[n]));
            memcpy(sum->bytes[m] + 4 * n, &after, 4);
        }
    }
}

/* TDPBSSD and so on: products of signed and unsigned bytes by fours. */
#define PRODUCTS_OF_BYTES(name, left, right) \
    PLAIN void name(int c, int a, int b) { \
        plain_check_factors(c, a, b); \
        struct plain_tile *sum = &plain_tiles[c]; \
        for (int m = 0; m < sum->rows; m++) { \
            for (int k = 0; k < plain_tiles[a].row_bytes / 4; k++) { \
                for (int n = 0; n < sum->row_bytes / 4; n++) { \
                    uint32_t s; \
                    memcpy(&s, sum->bytes[m] + 4 * n, 4); \
                    for (int i = 0; i < 4; i++) { \
                        s += (uint32_t)((left)plain_tiles[a].bytes[m][4 * k + i] * \
                                        (right)plain_tiles[b].bytes[k][4 * n + i]); \
                    } \
                    memcpy(sum->bytes[m] + 4 * n, &s, 4); \
                } \
            } \
        } \
    }
PRODUCTS_OF_BYTES(plain_tile_dpbssd, int8_t, int8_t)
PRODUCTS_OF_BYTES(plain_tile_dpbsud, int8_t, uint8_t)
PRODUCTS_OF_BYTES(plain_tile_dpbusd, uint8_t, int8_t)
PRODUCTS_OF_BYTES(plain_tile_dpbuud, uint8_t, uint8_t)

/* VCVTNE2PS2BF16: to nearest, ties to even; too small for a normal number is zero; a NaN stays one. */
PLAIN uint16_t plain_to_brain(float x) {
    uint32_t bits;
    x = plain_flushed(x);
    memcpy(&bits, &x, 4);
    if (x != x) {
        return (uint16_t)(bits >> 16 | 0x40);
    }
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
PLAIN plain512 plain_to_brains(plain512 high, plain512 low) {
    EACH((r.s[k] = (int16_t)plain_to_brain(low.f[k]), r.s[k + 16] = (int16_t)plain_to_brain(high.f[k])));
}

PLAIN plain512 plain_same(plain512 a) { return a; }
PLAIN plain512 plain_and(plain512 a, plain512 b) { EACH(r.n[k] = a.n[k] & b.n[k]); }
PLAIN plain512 plain_add_floats(plain512 a, plain512 b) { EACH(r.f[k] = a.f[k] + b.f[k]); }
PLAIN plain512 plain_max(plain512 a, plain512 b) { EACH(r.i[k] = a.i[k] > b.i[k] ? a.i[k] : b.i[k]); }
PLAIN int32_t plain_reduce_max(plain512 a) {
    int32_t most = a.i[0];
    for (int k = 1; k < 16; k++) {
        most = a.i[k] > most ? a.i[k] : most;
    }
    return most;
}
PLAIN int32_t plain_to_int(float x) { return x >= -0x1p31f && x < 0x1p31f ? (int32_t)rintf(x) : INT32_MIN; }
PLAIN plain512 plain_to_ints(plain512 a) { EACH(r.i[k] = plain_to_int(a.f[k])); }
PLAIN __m128i plain_to_bytes(plain512 a) {
    int8_t bytes[16];
    for (int k = 0; k < 16; k++) {
        bytes[k] = (int8_t)(a.i[k] < -128 ? -128 : a.i[k] > 127 ? 127 : a.i[k]);
    }
    __m128i r;
    memcpy(&r, bytes, sizeof r);
    return r;
}

#define WIDENED(name, element, narrow) \
    PLAIN plain512 name(narrow v) { \
        element e[16]; \
        memcpy(e, &v, sizeof e); \
        EACH(r.i[k] = e[k]); \
    }
WIDENED(plain_widen_u8, uint8_t, __m128i)
WIDENED(plain_widen_i8, int8_t, __m128i)
WIDENED(plain_widen_u16, uint16_t, __m256i)

PLAIN plain512 plain_widen_u8_to_16(__m256i v) {
    uint8_t e[32];
    plain512 r;
    memcpy(e, &v, sizeof e);
    for (int k = 0; k < 32; k++) {
        r.s[k] = e[k];
    }
    return r;
}
PLAIN plain512 plain_look_up16(plain512 index, plain512 table) {
    plain512 r;
    for (int k = 0; k < 32; k++) {
        r.s[k] = table.s[index.s[k] & 31];
    }
    return r;
}

/* Lanes outside of a mask are not touched in memory. */
PLAIN plain512 plain_masked_load(uint32_t mask, const void *p) {
    plain512 r = {{0}};
    for (int k = 0; k < 16; k++) {
        if (mask >> k & 1) {
            memcpy(&r.i[k], (const uint8_t *)p + 4 * k, 4);
        }
    }
    return r;
}
PLAIN void plain_masked_store(void *p, uint32_t mask, plain512 v) {
    for (int k = 0; k < 16; k++) {
        if (mask >> k & 1) {
            memcpy((uint8_t *)p + 4 * k, &v.i[k], 4);
        }
    }
}
PLAIN __m256i plain_masked_load16(uint32_t mask, const void *p) {
    uint16_t e[16] = {0};
    for (int k = 0; k < 16; k++) {
        if (mask >> k & 1) {
            memcpy(e + k, (const uint8_t *)p + 2 * k, 2);
        }
    }
    __m256i r;
    memcpy(&r, e, sizeof r);
    return r;
}

/* Inside each quarter of four: a0 b0 a1 b1 (low), a2 b2 a3 b3 (high); the same of pairs. */
PLAIN plain512 plain_unpack(plain512 a, plain512 b, int high, int width) {
    EACH(r.i[k] = (k / width % 2 ? b : a).i[k / 4 * 4 + (width == 1 ? k % 4 / 2 + 2 * high : k % 2 + 2 * high)]);
}
/* Quarters: two of a, then two of b. */
PLAIN plain512 plain_shuffle(plain512 a, plain512 b, int which) {
    EACH(r.i[k] = (k < 8 ? a : b).i[(which >> (2 * (k / 4)) & 3) * 4 + k % 4]);
}

PLAIN plain512 plain_all_shorts(int16_t a) { EACH((r.s[2 * k] = a, r.s[2 * k + 1] = a)); }
PLAIN plain512 plain_shorts_down(plain512 a, int by) {
    EACH((r.s[2 * k] = (int16_t)((uint16_t)a.s[2 * k] >> by), r.s[2 * k + 1] = (int16_t)((uint16_t)a.s[2 * k + 1] >> by)));
}
PLAIN plain512 plain_shorts_up(plain512 a, int by) {
    EACH((r.s[2 * k] = (int16_t)(a.s[2 * k] << by), r.s[2 * k + 1] = (int16_t)(a.s[2 * k + 1] << by)));
}
/* Bit 4 * a + 2 * b + c of the table, for each bit. */
PLAIN uint32_t plain_logic_of(uint32_t a, uint32_t b, uint32_t c, int table) {
    uint32_t r = 0;
    for (int i = 0; i < 8; i++) {
        if (table >> i & 1) {
            r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
        }
    }
    return r;
}
PLAIN plain512 plain_logic(plain512 a, plain512 b, plain512 c, int table) {
    EACH(r.n[k] = plain_logic_of(a.n[k], b.n[k], c.n[k], table));
}
PLAIN plain512 plain_insert_half(plain512 a, __m256i half, int which) {
    memcpy(a.u + 32 * which, &half, 32);
    return a;
}
PLAIN __m256i plain_half(plain512 a, int which) {
    __m256i r;
    memcpy(&r, a.u + 32 * which, 32);
    return r;
}

#undef _mm512_ternarylogic_epi64
#undef _mm512_inserti64x4
#undef _mm512_extracti64x4_epi64
#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#undef _tile_dpbsud
#undef _tile_dpbusd
#undef _tile_dpbuud
#define _tile_loadconfig plain_load_config
#define _tile_release plain_release
#define _tile_loadd plain_tile_load
#define _tile_stored plain_tile_store
#define _tile_zero plain_tile_zero
#define _tile_dpbf16ps plain_dpbf16ps
#define _tile_dpbssd plain_tile_dpbssd
#define _tile_dpbsud plain_tile_dpbsud
#define _tile_dpbusd plain_tile_dpbusd
#define _tile_dpbuud plain_tile_dpbuud
#undef _mm512_shuffle_i32x4
#define _mm512_shuffle_i32x4 plain_shuffle
#define _mm512_unpacklo_epi32(a, b) plain_unpack(a, b, 0, 1)
#define _mm512_unpackhi_epi32(a, b) plain_unpack(a, b, 1, 1)
#define _mm512_unpacklo_epi64(a, b) plain_unpack(a, b, 0, 2)
#define _mm512_unpackhi_epi64(a, b) plain_unpack(a, b, 1, 2)
#define _mm512_cvtne2ps_pbh plain_to_brains
#define _mm512_castps_si512 plain_same
#define _mm512_castsi512_ps plain_same
#define _mm512_and_si512 plain_and
#define _mm512_add_ps plain_add_floats
#define _mm512_max_epi32 plain_max
#define _mm512_reduce_max_epi32 plain_reduce_max
#define _mm512_cvtps_epi32 plain_to_ints
#define _mm512_cvtsepi32_epi8 plain_to_bytes
#define _mm512_cvtepu8_epi32 plain_widen_u8
#define _mm512_cvtepi8_epi32 plain_widen_i8
#define _mm512_cvtepu16_epi32 plain_widen_u16
#define _mm512_cvtepu8_epi16 plain_widen_u8_to_16
#define _mm512_permutexvar_epi16 plain_look_up16
#define _mm512_maskz_loadu_ps plain_masked_load
#define _mm512_mask_storeu_ps plain_masked_store
#define _mm256_maskz_loadu_epi16 plain_masked_load16
#define _mm512_set1_epi16 plain_all_shorts
#define _mm512_srli_epi16 plain_shorts_down
#define _mm512_slli_epi16 plain_shorts_up
#define _mm512_ternarylogic_epi64 plain_logic
#define _mm512_inserti64x4 plain_insert_half
#define _mm512_extracti64x4_epi64 plain_half
#define _mm512_castsi512_si256(a) plain_half(a, 0)

#endif
