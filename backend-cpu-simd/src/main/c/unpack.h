/*
 * Blocks of the types with codebooks, and of TQ1_0, taken apart before they are multiplied. Looking their codes up takes
 * longer than storing and loading them again; and the products, which are compiled for each form, need not be for these.
 */
#ifndef JUGGLER_UNPACK_H
#define JUGGLER_UNPACK_H

#include "formats.h"

INLINE void unpack_block(const int type, const uint8_t *p, struct unpacked *block) {
    const u8x32 offset = (u8x32){0} + (uint8_t)code_offset(type);
    int16_t scales[16], minimums[16];
#pragma GCC unroll 8
    for (int run = 0; run < RUNS; run++) {
        u8x32 c = codes(type, p, run) - offset;
        memcpy(block->codes + run * RUN, &c, sizeof c);
    }
    inner_scales(type, p, scales, minimums);
    for (int i = 0; i < 16; i++) {
        block->scales[i] = scales[i / (scale_run(type) / 16)];
    }
    block->scale = block_scale(type, p);
}

#define UNPACK(type) \
    static __attribute__((noinline, unused)) void unpack_##type(const uint8_t *p, struct unpacked *block) { \
        unpack_block(type, p, block); \
    }
EACH_UNPACKED(UNPACK)
EACH_UNPACKED_SMALL(UNPACK)

/* A block as `type`: where it lies, or unpacked in `space` where it is stored as another. */
INLINE const uint8_t *unpacked(const int type, const int stored, const uint8_t *p, struct unpacked *space) {
    if (!is_unpacked(type)) {
        return p;
    }
#define CALL_UNPACK(type) \
    case type: unpack_##type(p, space); break;
    switch (stored) {
        EACH_UNPACKED(CALL_UNPACK)
        EACH_UNPACKED_SMALL(CALL_UNPACK)
    default: memset(space, 0, sizeof *space); break; /* there is no other */
    }
    return (const uint8_t *)space;
}

#endif
