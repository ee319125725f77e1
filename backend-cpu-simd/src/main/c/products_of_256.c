/* Products with weights in blocks of 256. */
#include "multiply.h"

EACH_OF_256(MULTIPLY)

MULTIPLIER(NAME(multiply_of_256));
MULTIPLIER(NAME(multiply_of_256)) {
    switch (product->type) {
        EACH_OF_256(CALL_MULTIPLY)
    default: break;
    }
}
