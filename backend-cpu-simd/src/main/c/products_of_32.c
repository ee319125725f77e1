/* Products with weights in blocks of 32. */
#include "multiply.h"

EACH_OF_32(MULTIPLY)

MULTIPLIER(NAME(multiply_of_32));
MULTIPLIER(NAME(multiply_of_32)) {
    switch (product->type) {
        EACH_OF_32(CALL_MULTIPLY)
    default: break;
    }
}
