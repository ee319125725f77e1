/*
 * The few operations whose instructions differ from machine to machine. Bytes and shorts are GCC vectors of 32 bytes,
 * so that shifts, masks and additions are written once; each machine adds its dot products, look-ups and sums.
 *
 * VARIANT is the name of the instruction set that this translation unit is compiled for; NAME(f) becomes f_VARIANT.
 */
#ifndef JUGGLER_VECTORS_H
#define JUGGLER_VECTORS_H

#include "types.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(f) JOIN(f, VARIANT)

typedef uint8_t u8x32 __attribute__((vector_size(32)));
typedef int8_t i8x32 __attribute__((vector_size(32)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef int16_t i16x16 __attribute__((vector_size(32)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef uint64_t u64x4 __attribute__((vector_size(32)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));

#define LOADER(name, vector) \
    INLINE vector name(const void *p) { \
        vector v; \
        memcpy(&v, p, sizeof v); \
        return v; \
    }
LOADER(load_u8x32, u8x32)
LOADER(load_i8x32, i8x32)
LOADER(load_u8x16, u8x16)
LOADER(load_i16x16, i16x16)
LOADER(load_i32x8, i32x8)
LOADER(load_f32x8, f32x8)

INLINE uint16_t load_u16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE uint32_t load_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

#if defined(__AVX2__)
#include "vectors_x86.h"
#elif defined(__aarch64__)
#include "vectors_neon.h"
#else
#error "no operations for this machine: add a vectors_*.h"
#endif

/* Four bytes, or two shorts, in every lane of a panel. */
INLINE panel_codes broadcast4(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return panel_all(four);
}

/* Of eight: halves are added until one sum is left. */
INLINE float sum_of(f32x8 s) { return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])); }

/* The largest of eight, without branches. */
INLINE int32_t largest_int_of(i32x8 v) {
    int32_t four[4], two[2];
    for (int i = 0; i < 4; i++) {
        four[i] = v[i] > v[i + 4] ? v[i] : v[i + 4];
    }
    for (int i = 0; i < 2; i++) {
        two[i] = four[i] > four[i + 2] ? four[i] : four[i + 2];
    }
    return two[0] > two[1] ? two[0] : two[1];
}

/* The float that has these bits. */
INLINE float float_of_bits(int32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
