/*
 * A row of activations as the kernels read it.
 *
 * LAYOUT_F32: floats, filled up with zeros to a whole number of LANES.
 * LAYOUT_BLOCKS_OF_32, LAYOUT_BLOCKS_OF_256: bytes in [-127, 127] with a float scale for each block, filled up with
 * zeros to a whole chunk of 256; the same bytes plus 128; and sums of bytes, which stand in for the offsets and minimums
 * of weights.
 * LAYOUT_TILES_OF_BF16, LAYOUT_TILES_OF_INT8: sixteen rows together, a strip, as tile registers want a right factor.
 * Tile after tile of 32 (64) columns; 64 bytes of a tile are two (four) columns of each of the sixteen rows. After the
 * tiles of bytes: a float scale for each row, for 256 columns after 256. Filled up with zeros to whole tiles (chunks).
 * LAYOUT_TILES_OF_HALVES: as tiles of bfloat16, but each is two, see tiles_of_halves.c.
 */
#ifndef JUGGLER_ROWS_H
#define JUGGLER_ROWS_H

#include "types.h"

/* Partial sums of a float dot product. */
enum { LANES = 16 };

/* Rows of a strip. */
enum { STRIP = 16 };

INLINE int64_t whole(int64_t n, int64_t of) { return (n + of - 1) / of * of; }

/* Bytes are followed by: bytes + 128, scales, sums of 16, sums of 32. */
INLINE int64_t signed_at(void) { return 0; }
INLINE int64_t unsigned_at(int64_t padded) { return padded; }
INLINE int64_t scales_at(int64_t padded) { return 2 * padded; }
INLINE int64_t sums16_at(int64_t padded) { return 2 * padded + padded / 8; }
INLINE int64_t sums32_at(int64_t padded) { return 2 * padded + padded / 4; }

INLINE bool is_tiled(int layout) {
    return layout == LAYOUT_TILES_OF_BF16 || layout == LAYOUT_TILES_OF_INT8 || layout == LAYOUT_TILES_OF_HALVES;
}

/*
 * Bytes between rows; of tiles, a sixteenth of what is between strips. Rows a multiple of 1024 apart, and strips a multiple
 * of 4096, would compete for the same places of the L1 cache.
 */
INLINE int64_t row_stride(int layout, int64_t columns) {
    int64_t bytes;
    if (layout == LAYOUT_TILES_OF_BF16) {
        return 2 * whole(columns, RUN) + 64;
    }
    if (layout == LAYOUT_TILES_OF_INT8) {
        return whole(columns, CHUNK) + whole(columns, CHUNK) / 64 + 64;
    }
    if (layout == LAYOUT_TILES_OF_HALVES) {
        return 4 * whole(columns, RUN) + 64;
    }
    if (layout == LAYOUT_F32) {
        bytes = 4 * whole(columns, LANES);
    } else {
        int64_t padded = whole(columns, CHUNK);
        bytes = sums32_at(padded) + padded / 16;
    }
    bytes = whole(bytes, 64);
    return bytes % 1024 == 0 ? bytes + 64 : bytes;
}

#endif
