/* One worker's part of a matrix product, in each instruction set. */
#include "product.h"

#include "floats.h"
#include "vectors.h"

INLINE void multiply_floats(const int type, const struct product *product, const struct piece *piece) {
    for (int row = 0; row < piece->rows; row += FLOAT_ROWS) {
        const uint8_t *w[FLOAT_ROWS] = {weight_row(product, piece, row), weight_row(product, piece, row + 1)};
        int count = piece->rows - row < FLOAT_ROWS ? piece->rows - row : FLOAT_ROWS;
        for (int j = 0; j < piece->x_count; j += FLOAT_X) {
            float out[FLOAT_ROWS][FLOAT_X];
            int left = piece->x_count - j;
            const float *x[FLOAT_X] = {
                (const float *)(const void *)x_row(product, piece, j),
                (const float *)(const void *)x_row(product, piece, left > 1 ? j + 1 : j),
            };
            if (left > 1) {
                float_tile(type, FLOAT_ROWS, 2, w, product->columns, x, out);
            } else {
                float_tile(type, FLOAT_ROWS, 1, w, product->columns, x, out);
            }
            for (int m = 0; m < FLOAT_X && m < left; m++) {
                for (int r = 0; r < count; r++) {
                    out_row(product, piece, j + m)[row + r] = out[r][m];
                }
            }
        }
    }
}

static void add_bias(const struct product *product, const struct piece *piece) {
    for (int j = 0; j < piece->x_count; j++) {
        float *out = out_row(product, piece, j);
        const float *bias = product->bias + piece->first;
        for (int i = 0; i < piece->rows; i++) {
            out[i] += bias[i];
        }
    }
}

#define ALSO(type) case type:

MULTIPLIER(NAME(multiply_of_32));
MULTIPLIER(NAME(multiply_of_256));
MULTIPLIER(NAME(multiply_unpacked));
MULTIPLIER(NAME(multiply));

MULTIPLIER(NAME(multiply)) {
    switch (product->type) {
    case F32: multiply_floats(F32, product, piece); break;
    case F16: multiply_floats(F16, product, piece); break;
    case BF16: multiply_floats(BF16, product, piece); break;
    EACH_OF_32(ALSO) NAME(multiply_of_32)(product, piece, scratch); break;
    EACH_OF_256(ALSO) NAME(multiply_of_256)(product, piece, scratch); break;
    EACH_UNPACKED(ALSO) EACH_UNPACKED_SMALL(ALSO) NAME(multiply_unpacked)(product, piece, scratch); break;
    default: break;
    }
    if (product->bias) {
        add_bias(product, piece);
    }
}
