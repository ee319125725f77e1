/* Codebooks for programs that test the kernels without Java, which has those of the formats. */
#ifndef JUGGLER_RANDOM_CODEBOOKS_H
#define JUGGLER_RANDOM_CODEBOOKS_H

#include <stddef.h>

#include "codebook_vectors.h"
#include "types.h"

struct codebooks codebooks;

/* Vectors as large as those of the formats; for what is compared here it does not matter which. */
static void fill_codebooks(void) {
    uint32_t random = 1;
    int8_t *bytes = (int8_t *)&codebooks;
    for (size_t i = 0; i < sizeof codebooks; i++) {
        random = random * 1664525 + 1013904223;
        if (i < sizeof codebooks.iq1) {
            bytes[i] = (int8_t)(8 * ((int)((random >> 16) % 3) - 1));
        } else {
            int type = i < offsetof(struct codebooks, iq3_xxs) ? IQ2_S
                       : i < offsetof(struct codebooks, iq3_s) ? IQ3_XXS
                                                               : IQ3_S;
            bytes[i] = (int8_t)(1 + (random >> 16) % (uint32_t)largest_code(type));
        }
    }
}

#endif
