/* The loops of LaneKernels.java: what the Java kernels do row by row where no product of rounded activations is meant. */
#ifndef JUGGLER_LOOPS_H
#define JUGGLER_LOOPS_H

#include "product.h"

/* A dot product has sixteen partial sums; PANEL_ROWS weight rows are multiplied together. */
enum { SUMS = 16, PANEL_ROWS = 6 };

/*
 * The loops of one instruction set. They do the same arithmetic in the same order as the plain ones (ScalarKernels.java),
 * so that results agree bit for bit.
 */
struct loops {
    /* Adds products of `rows` rows of w, which is 1 or PANEL_ROWS, with x, and with `second` unless it is null. */
    void (*dots)(const float *w, int64_t stride, int rows, const float *x, const float *second, int64_t length,
                 float *sums);
    /* sums[c] += factors[j] * rows[j][c], in rising order of j. */
    void (*add_weighted)(const float *factors, int count, const float *rows, int64_t stride, float *sums,
                         int64_t width);
    /* values[i] = exp(values[i] - minus) */
    void (*exponentials)(float *values, int64_t count, float minus);
    /* Whole blocks of a type as floats. */
    void (*decode)(int type, const uint8_t *blocks, int64_t elements, float *out);
};

#endif
