/*
 * Multiplies through the library's own entries, as the Java side does, and tells what they chose for this processor:
 * choice [1 if dot products are expected, 0 if not]. Exits with 1 if another choice was made, or a product is wrong.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "product.h"
#include "rows.h"

int32_t juggler_compiled(void);
int32_t juggler_features(void);
int32_t juggler_scratch_bytes(int32_t set);
int64_t juggler_row_stride(int32_t layout, int64_t columns);
void juggler_quantize(int32_t set, int32_t layout, const float *x, int64_t x_stride, const int32_t *which, int32_t rows,
                      int64_t columns, uint8_t *out, int64_t out_stride);
void juggler_multiply(int32_t set, const struct product *product, int64_t first, int32_t rows, int32_t out_column,
                      const int32_t *x_rows, const int32_t *out_rows, int32_t x_count, uint8_t *scratch);

enum { NEON = 3, DOT_PRODUCTS = 4, COLUMNS = 64, ROWS = 20, WEIGHT_ROWS = 5 };

/* Products of ones with weights of Q8_0 that are row number + 1 times 1/2. */
static int multiply_works(void) {
    static uint8_t weight[WEIGHT_ROWS][COLUMNS / 32][34];
    static float x[ROWS * COLUMNS], out[ROWS * WEIGHT_ROWS];
    const int64_t stride = juggler_row_stride(LAYOUT_BLOCKS_OF_32, COLUMNS);
    uint8_t *rows = aligned_alloc(64, (size_t)(stride * ROWS));
    uint8_t *scratch = aligned_alloc(64, (size_t)whole(juggler_scratch_bytes(NEON), 64));
    for (int n = 0; n < WEIGHT_ROWS; n++) {
        for (int block = 0; block < COLUMNS / 32; block++) {
            const uint16_t half = 0x3800;
            memcpy(weight[n][block], &half, 2);
            memset(weight[n][block] + 2, n + 1, 32);
        }
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        x[i] = 1;
    }
    juggler_quantize(NEON, LAYOUT_BLOCKS_OF_32, x, COLUMNS, NULL, ROWS, COLUMNS, rows, stride);
    const struct product product = {weight[0][0], sizeof weight[0], rows, stride, out, WEIGHT_ROWS, NULL, Q8_0, COLUMNS,
                                    LAYOUT_BLOCKS_OF_32};
    int wrong = 0;
    for (int count = 1; count <= ROWS; count += ROWS - 1) {
        memset(out, 0, sizeof out);
        juggler_multiply(NEON, &product, 0, WEIGHT_ROWS, 0, NULL, NULL, count, scratch);
        for (int i = 0; i < count * WEIGHT_ROWS; i++) {
            wrong += fabsf(out[i] - 0.5f * COLUMNS * (float)(i % WEIGHT_ROWS + 1)) > 1e-3f;
        }
    }
    free(rows);
    free(scratch);
    return wrong == 0;
}

int main(int count, char **arguments) {
    const int32_t features = juggler_features();
    const int has_neon = (juggler_compiled() & features) >> NEON & 1, dots = features >> DOT_PRODUCTS & 1;
    const int works = has_neon && multiply_works();
    printf("library: NEON %s, dot products %s, products %s\n", has_neon ? "runs" : "is missing", dots ? "used" : "not used",
           works ? "right" : "wrong");
    return !works || (count > 1 && dots != atoi(arguments[1]));
}
