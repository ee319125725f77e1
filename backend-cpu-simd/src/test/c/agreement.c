/*
 * Compares the kernels of two instruction sets on random weights, bit for bit: every type, with one row of x and many,
 * whole panels and parts of them. Prints how many results agree; exits with 1 if one does not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "product.h"
#include "random_codebooks.h"
#include "rows.h"

extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;

enum { COLUMNS = 768, WEIGHT_ROWS = 37, MOST_ROWS = 70 };

static const int types[] = {F32,  F16,  BF16, Q4_0, Q4_1, Q5_0,   Q5_1,   Q8_0,
                            Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4,
                            IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, TQ1_0, TQ2_0};

static uint64_t state = 88172645463325252u;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

/* Random bits everywhere, which is every code and scale; exponents that would be infinite are taken down. */
static void fill(uint8_t *bytes, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)next();
        if ((bytes[i] & 0x7c) == 0x7c) {
            bytes[i] &= 0xaf;
        }
    }
}

static int compare(int type, int columns, int x_count, int rows) {
    int64_t row_bytes = (int64_t)columns / block_elements(type) * block_bytes(type);
    int64_t stride = row_stride(layout_of(type), columns);
    uint8_t *weight = malloc((size_t)(row_bytes * WEIGHT_ROWS + 64));
    uint8_t *x[2] = {aligned_alloc(64, (size_t)(stride * MOST_ROWS)), aligned_alloc(64, (size_t)(stride * MOST_ROWS))};
    uint8_t *scratch = aligned_alloc(64, SCRATCH_BYTES);
    float *out[2] = {calloc(MOST_ROWS * WEIGHT_ROWS, 4), calloc(MOST_ROWS * WEIGHT_ROWS, 4)};
    float *floats = malloc((size_t)columns * 4);
    const struct kernels *const sets[2] = {&kernels_avx2, &kernels_avx512};
    memset(x[0], 0, (size_t)(stride * MOST_ROWS)); /* rows have gaps */
    memset(x[1], 0, (size_t)(stride * MOST_ROWS));
    fill(weight, row_bytes * WEIGHT_ROWS);
    for (int j = 0; j < x_count; j++) {
        for (int k = 0; k < columns; k++) {
            floats[k] = (float)((int)(next() % 20001) - 10000) / 3000.0f;
        }
        for (int set = 0; set < 2; set++) {
            sets[set]->quantize(layout_of(type), floats, columns, x[set] + j * stride);
        }
    }
    int64_t used = layout_of(type) == LAYOUT_F32 ? 4 * columns : sums32_at(whole(columns, CHUNK));
    int different = 0;
    for (int j = 0; j < x_count; j++) {
        different += memcmp(x[0] + j * stride, x[1] + j * stride, (size_t)used) != 0;
    }
    for (int set = 0; set < 2; set++) {
        struct product product = {weight,      row_bytes, x[set], stride,  out[set],
                                  WEIGHT_ROWS, NULL,      type,   columns, layout_of(type)};
        struct piece piece = {1, rows, 1, NULL, NULL, x_count};
        sets[set]->multiply(&product, &piece, scratch);
    }
    different += memcmp(out[0], out[1], (size_t)x_count * WEIGHT_ROWS * 4) != 0;
    if (different) {
        printf("type %d, %d columns, %d rows of x, %d weight rows: results differ\n", type, columns, x_count, rows);
    }
    for (int set = 0; set < 2; set++) {
        free(x[set]);
        free(out[set]);
    }
    free(weight);
    free(scratch);
    free(floats);
    return different != 0;
}

int main(void) {
    static const int counts[] = {1, 2, 3, 4, 7, MOST_ROWS}, heights[] = {1, 15, 16, WEIGHT_ROWS - 1};
    int cases = 0, failed = 0;
    fill_codebooks();
    for (unsigned t = 0; t < sizeof types / sizeof *types; t++) {
        for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (unsigned h = 0; h < sizeof heights / sizeof *heights; h++) {
                failed += compare(types[t], COLUMNS, counts[c], heights[h]);
                cases++;
                if (block_elements(types[t]) == 32) {
                    failed += compare(types[t], COLUMNS - 96, counts[c], heights[h]);
                    cases++;
                }
            }
        }
    }
    printf("instruction sets agree: %d cases, %d equal\n", cases, cases - failed);
    return failed != 0;
}
