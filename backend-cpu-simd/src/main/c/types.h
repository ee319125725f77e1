/*
 * Types of weights and what is known of each: block sizes, how codes and scales combine.
 *
 * Every quantized type is read in the same two steps: `codes` gives the small integers of a run of 32 elements, `scales`
 * the integers that they are multiplied with inside a block; the block's float scale comes last. All functions here
 * take the type as a constant of the caller and are inlined, so the switches cost nothing.
 */
#ifndef JUGGLER_TYPES_H
#define JUGGLER_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline, unused))

/* The numbers of the GGUF specification. */
enum type {
    F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13,
    Q6_K = 14, IQ2_XXS = 16, IQ2_XS = 17, IQ3_XXS = 18, IQ1_S = 19, IQ4_NL = 20, IQ3_S = 21, IQ2_S = 22, IQ4_XS = 23,
    IQ1_M = 29, BF16 = 30, TQ1_0 = 34, TQ2_0 = 35, MXFP4 = 39,
    UNPACKED = -1, UNPACKED_SMALL = -2 /* our own, see unpack.h */
};

/* Those that are multiplied with rounded activations: as they are, and unpacked into codes below 64 or below 16. */
#define EACH_OF_32(apply) \
    apply(Q4_0) apply(Q4_1) apply(Q5_0) apply(Q5_1) apply(Q8_0) apply(IQ4_NL) apply(MXFP4)
#define EACH_OF_256(apply) \
    apply(Q2_K) apply(Q3_K) apply(Q4_K) apply(Q5_K) apply(Q6_K) apply(IQ4_XS) apply(TQ2_0)
#define EACH_UNPACKED(apply) apply(IQ2_XXS) apply(IQ2_XS) apply(IQ2_S) apply(IQ3_XXS)
#define EACH_UNPACKED_SMALL(apply) apply(IQ1_S) apply(IQ1_M) apply(IQ3_S) apply(TQ1_0)

/* How rows of activations are stored, see rows.h. */
enum layout {
    LAYOUT_F32 = 0, LAYOUT_BLOCKS_OF_32 = 1, LAYOUT_BLOCKS_OF_256 = 2, LAYOUT_TILES_OF_BF16 = 3, LAYOUT_TILES_OF_INT8 = 4,
    LAYOUT_TILES_OF_HALVES = 5
};

enum { RUN = 32, CHUNK = 256, RUNS = CHUNK / RUN };

/* Elements of a block. */
INLINE int block_elements(int type) {
    switch (type) {
    case F32: case F16: case BF16: return 1;
    case Q4_0: case Q4_1: case Q5_0: case Q5_1: case Q8_0: case IQ4_NL: case MXFP4: return 32;
    default: return 256;
    }
}

/* Bytes of a block. */
INLINE int block_bytes(int type) {
    switch (type) {
    case F32: return 4;
    case F16: case BF16: return 2;
    case Q4_0: case IQ4_NL: return 18;
    case Q4_1: return 20;
    case Q5_0: return 22;
    case Q5_1: return 24;
    case Q8_0: return 34;
    case MXFP4: return 17;
    case Q2_K: return 84;
    case Q3_K: return 110;
    case Q4_K: return 144;
    case Q5_K: return 176;
    case Q6_K: return 210;
    case IQ4_XS: return 136;
    case IQ1_S: return 50;
    case IQ1_M: return 56;
    case IQ2_XXS: return 66;
    case IQ2_XS: return 74;
    case IQ2_S: return 82;
    case IQ3_XXS: return 98;
    case IQ3_S: return 110;
    case TQ1_0: return 54;
    case TQ2_0: return 66;
    case UNPACKED: case UNPACKED_SMALL: return 320;
    default: return 0;
    }
}

INLINE bool is_unpacked(int type) { return type == UNPACKED || type == UNPACKED_SMALL; }

INLINE int layout_of(int type) {
    int elements = block_elements(type);
    return elements == 1 ? LAYOUT_F32 : elements == 32 ? LAYOUT_BLOCKS_OF_32 : LAYOUT_BLOCKS_OF_256;
}

/* True where a block has scales of its own kind inside: those of 256 elements. */
INLINE bool has_inner_scales(int type) { return block_elements(type) == 256; }

/* Elements that share an inner scale: 16 or 32. */
INLINE int scale_run(int type) {
    switch (type) {
    case Q2_K: case Q3_K: case Q6_K: case IQ1_M: case IQ2_XS: case IQ2_S: return 16;
    case TQ1_0: case TQ2_0: return 16; /* all of them 1; with an offset it must be 16 */
    case UNPACKED: case UNPACKED_SMALL: return 16;
    default: return 32;
    }
}

/* True where a value is scale * code + minimum (32 elements) or scale * code - minimum (256). */
INLINE bool has_minimums(int type) {
    return type == Q4_1 || type == Q5_1 || type == Q2_K || type == Q4_K || type == Q5_K;
}

/* What is subtracted from an unsigned code; 0 where codes are what they stand for. */
INLINE int code_offset(int type) {
    switch (type) {
    case Q4_0: return 8;
    case MXFP4: return 12;
    case Q5_0: return 16;
    case Q3_K: return 4;
    case Q6_K: return 32;
    case TQ1_0: case TQ2_0: return 1;
    default: return 0;
    }
}

/* True where codes are read from a codebook, see codebooks.h. */
INLINE bool has_codebook(int type) {
    switch (type) {
    case IQ1_S: case IQ1_M: case IQ2_XXS: case IQ2_XS: case IQ2_S: case IQ3_XXS: case IQ3_S: return true;
    default: return false;
    }
}

/* True where codes are signed bytes. */
INLINE bool has_signed_codes(int type) {
    return type == Q8_0 || type == IQ4_NL || type == IQ4_XS || has_codebook(type) || is_unpacked(type);
}

/* True where 16 bytes hold the low four bits of a block of 32: of elements 0 to 15 in their low halves. */
INLINE bool has_nibbles(int type) { return block_elements(type) == 32 && type != Q8_0; }

/* The largest magnitude of a code, its offset subtracted. */
INLINE int largest_code(int type) {
    switch (type) {
    case TQ1_0: case TQ2_0: return 2; /* of TQ2_0 also a fourth code occurs, which no quantizer writes */
    case Q2_K: return 3;
    case Q3_K: return 4;
    case Q4_0: return 8;
    case IQ1_S: case IQ1_M: return 9;
    case MXFP4: return 12;
    case Q4_1: case Q4_K: case IQ3_S: case UNPACKED_SMALL: return 15;
    case Q5_0: return 16;
    case Q5_1: case Q5_K: return 31;
    case Q6_K: return 32;
    case IQ2_XXS: case IQ2_XS: case IQ2_S: return 43;
    case IQ3_XXS: case UNPACKED: return 62;
    default: return 128;
    }
}

#endif
