/* The short vectors that codes of IQ1, IQ2 and IQ3 point to. */
#ifndef JUGGLER_CODEBOOK_VECTORS_H
#define JUGGLER_CODEBOOK_VECTORS_H

#include <stdint.h>

/*
 * The vectors, eight (four) signed bytes each. Their one source is the Java class Codebook, which hands them over when
 * the library is loaded; those of IQ1 are then multiplied by 8.
 */
struct codebooks {
    uint64_t iq1[2048];
    uint64_t iq2_xxs[256];
    uint64_t iq2_xs[512];
    uint64_t iq2_s[1024];
    uint32_t iq3_xxs[256];
    uint32_t iq3_s[512];
};
extern struct codebooks codebooks;

#endif
