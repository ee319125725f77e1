/* A matrix product as the Java side describes it, and what one worker does of it. */
#ifndef JUGGLER_PRODUCT_H
#define JUGGLER_PRODUCT_H

#include <stdint.h>

#include "types.h"

/* out[row j][n] = x[row j] * weight[row n], the same for all workers. Its fields are written from Java, in this order. */
struct product {
    const uint8_t *weight;
    int64_t row_bytes;
    const uint8_t *x; /* rows in the layout of the weight's type, see rows.h */
    int64_t x_stride; /* bytes */
    float *out;
    int64_t out_stride; /* floats */
    const float *bias;  /* one for each weight row, or null */
    int32_t type;
    int32_t columns;
    int32_t layout; /* of x, enum layout */
};

/*
 * Part of a product: weight rows [first, first + rows) with some rows of x. A stack's rows are counted through all its
 * matrices; out_column is where the first of them goes in a row of the result. x_rows and out_rows say which rows of x
 * are meant and where their results go; null: in order.
 */
struct piece {
    int64_t first;
    int32_t rows;
    int32_t out_column;
    const int32_t *x_rows; /* in layouts of tiles only the first counts, a multiple of 16; the others follow it */
    const int32_t *out_rows;
    int32_t x_count;
};

INLINE float *out_row(const struct product *product, const struct piece *piece, int j) {
    return product->out + (piece->out_rows ? piece->out_rows[j] : j) * product->out_stride + piece->out_column;
}

INLINE const uint8_t *x_row(const struct product *product, const struct piece *piece, int j) {
    return product->x + (piece->x_rows ? piece->x_rows[j] : j) * product->x_stride;
}

/* The start of a weight row; behind the last one it is the last again, whose results are thrown away. */
INLINE const uint8_t *weight_row(const struct product *product, const struct piece *piece, int row) {
    int inside = row < piece->rows ? row : piece->rows - 1;
    return product->weight + (piece->first + inside) * product->row_bytes;
}

/* act(gate) * up with g = min(gate, limit), u = clamp(up): g * sigmoid(alpha * g) * (u + shift). */
struct gating {
    float alpha;
    float limit;
    float shift;
};

/*
 * One tile of positions of attention, for the queries of some rows and heads that share their keys. Query n is head
 * n % heads of row n / heads; row i is at `position` + i and sees the `window` last positions (0: all).
 */
struct attention {
    const float *queries; /* [count][key_stride], or what round_queries made of them */
    const float *keys;    /* [tile places][key_stride]; of rounded operands see below */
    const float *values;  /* [tile places][value_stride] */
    float *scores;        /* [count][tile places], to work in */
    float *softmax;       /* [count]: largest score so far, sum of exp(score - largest); of rounded ones also [count] totals */
    float *weighted;      /* [count][sum_stride]: values weighted with the same; and totals */
    int32_t count, heads;
    int32_t key_stride, value_stride, sum_stride;
    int32_t places;   /* of a tile */
    int32_t first;    /* position of the tile's first place */
    int32_t from, to; /* places that hold keys and values */
    int32_t position, window;
    float scale, cap;

    /* Instead of keys, values and scores, where operands are rounded: what is stored at each place, and room to work in. */
    const int64_t *key_rows, *value_rows; /* [tile places]: addresses */
    int32_t key_type, value_type, key_width, value_width; /* of what is stored there, whole blocks */
    void (*decode)(int type, const uint8_t *blocks, int64_t elements, float *out);
    float *scratch;    /* see NativeAttention.java */
    bool begins, ends; /* the tile is a segment's first; its last, and the totals take it in */
};

/* A tile of attention with rounded operands, see rounded_attention.h. */
struct rounded_attention {
    /* Rounds queries [count][stride]: count * (whole(stride, 64) / 2 + 1) words. */
    void (*round_queries)(const float *queries, int32_t count, int32_t stride, float *rounded);
    /* Of such queries, and of as many together as there were. */
    void (*attend)(const struct attention *attention);
};

/* The kernels of one instruction set, for rows that lie one after the other. */
struct kernels {
    void (*multiply)(const struct product *product, const struct piece *piece, uint8_t *scratch);
    void (*gate)(float *gate, const float *up, int64_t count, const struct gating *gating);
    void (*quantize)(int layout, const float *x, int64_t columns, uint8_t *row);
    void (*add_scaled)(float *sum, const float *y, float factor, int64_t count);
    void (*attend)(const struct attention *attention);
    struct rounded_attention rounded;
};

/* Products of each family of types, in a file each; NAME as in vectors.h. */
#define MULTIPLIER(name) void name(const struct product *product, const struct piece *piece, uint8_t *scratch)

/* Bytes of memory that a worker needs inside a piece. */
enum { SCRATCH_BYTES = 5 << 17 };

/* Kernels of machines with tile registers, for rows in one of the layouts of tiles. */
struct tile_kernels {
    int32_t scratch_bytes;
    void (*multiply)(const struct product *product, const struct piece *piece, uint8_t *scratch);
    /* Packs a strip of up to 16 rows; `which` says which, or null. The rest, and those of which[i] < 0, are zeros. */
    void (*pack)(int layout, const float *x, int64_t x_stride, const int32_t *which, int rows, int64_t columns,
                 uint8_t *strip);
};

#endif
