/* Products with weights that are unpacked first, see unpack.h. */
#include "multiply.h"

static __attribute__((noinline)) MULTIPLIER(multiply_large) {
    multiply_quantized(UNPACKED, product->type, product, piece, scratch);
}

static __attribute__((noinline)) MULTIPLIER(multiply_small) {
    multiply_quantized(UNPACKED_SMALL, product->type, product, piece, scratch);
}

#define LARGE(type) case type:

MULTIPLIER(NAME(multiply_unpacked));
MULTIPLIER(NAME(multiply_unpacked)) {
    switch (product->type) {
    EACH_UNPACKED(LARGE) multiply_large(product, piece, scratch); break;
    default: multiply_small(product, piece, scratch); break;
    }
}
