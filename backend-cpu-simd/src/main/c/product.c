/* One worker's part of a matrix product, in each instruction set. */
#include "product.h"

#include "vectors.h"

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

MULTIPLIER(NAME(multiply_floats));
MULTIPLIER(NAME(multiply_of_32));
MULTIPLIER(NAME(multiply_of_256));
MULTIPLIER(NAME(multiply_unpacked));
MULTIPLIER(NAME(multiply));

/* Activations that were not rounded are multiplied as they are, whatever the type of the weights. */
INLINE void multiply_with(const struct product *product, const struct piece *piece, uint8_t *scratch) {
    if (product->layout == LAYOUT_F32) {
        NAME(multiply_floats)(product, piece, scratch);
        return;
    }
    switch (product->type) {
    EACH_OF_32(ALSO) NAME(multiply_of_32)(product, piece, scratch); break;
    EACH_OF_256(ALSO) NAME(multiply_of_256)(product, piece, scratch); break;
    EACH_UNPACKED(ALSO) EACH_UNPACKED_SMALL(ALSO) NAME(multiply_unpacked)(product, piece, scratch); break;
    default: break;
    }
}

MULTIPLIER(NAME(multiply)) {
    multiply_with(product, piece, scratch);
    if (product->bias) {
        add_bias(product, piece);
    }
}
