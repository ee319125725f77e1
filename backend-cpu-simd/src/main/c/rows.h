/*
 * A row of activations as the kernels read it.
 *
 * LAYOUT_F32: floats, filled up with zeros to a whole number of LANES.
 * LAYOUT_BLOCKS_OF_32, LAYOUT_BLOCKS_OF_256: bytes in [-127, 127] with a float scale for each block, filled up with
 * zeros to a whole chunk of 256; the same bytes plus 128; and sums of bytes, which stand in for the offsets and minimums
 * of weights.
 */
#ifndef JUGGLER_ROWS_H
#define JUGGLER_ROWS_H

#include "types.h"

/* Partial sums of a float dot product. */
enum { LANES = 16 };

INLINE int64_t whole(int64_t n, int64_t of) { return (n + of - 1) / of * of; }

/* Bytes are followed by: bytes + 128, scales, sums of 16, sums of 32. */
INLINE int64_t signed_at(void) { return 0; }
INLINE int64_t unsigned_at(int64_t padded) { return padded; }
INLINE int64_t scales_at(int64_t padded) { return 2 * padded; }
INLINE int64_t sums16_at(int64_t padded) { return 2 * padded + padded / 8; }
INLINE int64_t sums32_at(int64_t padded) { return 2 * padded + padded / 4; }

/* Bytes between rows. Rows a multiple of 1024 apart would compete for the same places of the L1 cache. */
INLINE int64_t row_stride(int layout, int64_t columns) {
    int64_t bytes;
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
