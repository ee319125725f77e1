/* A matrix product as the Java side describes it, and what one worker does of it. */
#ifndef JUGGLER_PRODUCT_H
#define JUGGLER_PRODUCT_H

#include <stdint.h>

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
    const int32_t *x_rows;
    const int32_t *out_rows;
    int32_t x_count;
};

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
    const float *queries; /* [count][key_stride] */
    const float *keys;    /* [tile places][key_stride] */
    const float *values;  /* [tile places][value_stride] */
    float *scores;        /* [count][tile places], to work in */
    float *softmax;       /* [count]: largest score so far, sum of exp(score - largest) */
    float *weighted;      /* [count][sum_stride]: values weighted with the same */
    int32_t count, heads;
    int32_t key_stride, value_stride, sum_stride;
    int32_t places;   /* of a tile */
    int32_t first;    /* position of the tile's first place */
    int32_t from, to; /* places that hold keys and values */
    int32_t position, window;
    float scale, cap;
};

/* The kernels of one instruction set. */
struct kernels {
    void (*multiply)(const struct product *product, const struct piece *piece, uint8_t *scratch);
    void (*gate)(float *gate, const float *up, int64_t count, const struct gating *gating);
    void (*quantize)(int layout, const float *x, int64_t columns, uint8_t *row);
    void (*add_scaled)(float *sum, const float *y, float factor, int64_t count);
    void (*attend)(const struct attention *attention);
};

/* Bytes of memory that a worker needs inside a piece. */
enum { SCRATCH_BYTES = 1 << 16 };

#endif
