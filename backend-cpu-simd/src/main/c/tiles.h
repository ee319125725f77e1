/*
 * Tile registers (Intel AMX): eight of 16 rows of 64 bytes. Always used whole; what is missing at an edge is zeros or
 * repeated, so one configuration serves all.
 */
#ifndef JUGGLER_TILES_H
#define JUGGLER_TILES_H

#include <immintrin.h>

#include "types.h"

enum { TILE_ROWS = 16, TILE_ROW_BYTES = 64, TILE_BYTES = TILE_ROWS * TILE_ROW_BYTES };

/* What LDTILECFG reads (Intel SDM, volume 1, 18.2). */
struct tile_configuration {
    uint8_t palette, start;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct tile_configuration) == 64, "the size is fixed");

/* A constant: compilers do not know that all of it is read, and would leave out what a function writes there. */
static const struct tile_configuration whole_tiles __attribute__((aligned(64), unused)) = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* Nor do they know what loading a tile reads: whatever was written before must be in memory by then. */
#define WRITTEN() __asm__ volatile("" ::: "memory")

/* The same of what only this function knows. Copies of a number to all lanes are cheaper from memory than between lanes. */
#define WRITTEN_TO(p) __asm__ volatile("" ::"r"(p) : "memory")

/* Sixteen rows of sixteen groups of four bytes: rows become columns. */
INLINE void transpose16(__m512i *v) {
    __m512i a[16];
    for (int i = 0; i < 8; i++) {
        a[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        v[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    /* Quarter q of v[4 * i + c] is now column 4 * q + c of rows 4 * i to 4 * i + 3. */
    for (int c = 0; c < 4; c++) {
        a[c] = _mm512_shuffle_i32x4(v[c], v[c + 4], 0x44);
        a[c + 4] = _mm512_shuffle_i32x4(v[c], v[c + 4], 0xee);
        a[c + 8] = _mm512_shuffle_i32x4(v[c + 8], v[c + 12], 0x44);
        a[c + 12] = _mm512_shuffle_i32x4(v[c + 8], v[c + 12], 0xee);
    }
    for (int c = 0; c < 4; c++) {
        v[c] = _mm512_shuffle_i32x4(a[c], a[c + 8], 0x88);
        v[c + 4] = _mm512_shuffle_i32x4(a[c], a[c + 8], 0xdd);
        v[c + 8] = _mm512_shuffle_i32x4(a[c + 4], a[c + 12], 0x88);
        v[c + 12] = _mm512_shuffle_i32x4(a[c + 4], a[c + 12], 0xdd);
    }
}

/* The first `count` lanes of sixteen. */
INLINE __mmask16 lanes_below(int64_t count) {
    return (__mmask16)(count >= 16 ? 0xffff : count > 0 ? (1 << count) - 1 : 0);
}

#endif
