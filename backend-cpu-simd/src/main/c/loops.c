/* The loops of LaneKernels.java in each instruction set. */
#include "loops.h"

#include "exponential.h"
#include "floats.h"
#include "formats.h"

typedef int16_t i16x8 __attribute__((vector_size(16)));

INLINE void store_f32x8(float *out, f32x8 v) { memcpy(out, &v, sizeof v); }

/* Some rows with one vector or two, whose partial sums stay in registers. */
INLINE void dot_rows(const int rows, const int vectors, const float *w, int64_t stride, const float *const *x,
                     int64_t length, float *sums) {
    f32x8 low[3 * 2], high[3 * 2];
#pragma GCC unroll 6
    for (int i = 0; i < rows * vectors; i++) {
        const float *from = sums + (i / rows * PANEL_ROWS + i % rows) * SUMS;
        low[i] = load_f32x8(from);
        high[i] = load_f32x8(from + 8);
    }
    for (int64_t k = 0; k < length; k += SUMS) {
#pragma GCC unroll 6
        for (int i = 0; i < rows * vectors; i++) {
            const float *row = w + i % rows * stride + k, *vector = x[i / rows] + k;
            low[i] = fma8(load_f32x8(row), load_f32x8(vector), low[i]);
            high[i] = fma8(load_f32x8(row + 8), load_f32x8(vector + 8), high[i]);
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows * vectors; i++) {
        float *to = sums + (i / rows * PANEL_ROWS + i % rows) * SUMS;
        store_f32x8(to, low[i]);
        store_f32x8(to + 8, high[i]);
    }
}

static void dots(const float *w, int64_t stride, int rows, const float *x, const float *second, int64_t length,
                 float *sums) {
    const float *both[] = {x, second};
    if (rows == 1) {
        dot_rows(1, 1, w, stride, both, length, sums);
        return;
    }
    for (int row = 0; row < PANEL_ROWS; row += 3) {
        if (second) {
            dot_rows(3, 2, w + row * stride, stride, both, length, sums + row * SUMS);
        } else {
            dot_rows(3, 1, w + row * stride, stride, both, length, sums + row * SUMS);
        }
    }
}

/* Some eights of the columns, whose sums stay in registers. */
INLINE void add_weighted_columns(const int eights, const float *factors, int count, const float *rows, int64_t stride,
                                 float *sums) {
    f32x8 sum[8];
#pragma GCC unroll 8
    for (int i = 0; i < eights; i++) {
        sum[i] = load_f32x8(sums + 8 * i);
    }
    for (int j = 0; j < count; j++) {
        f32x8 factor = all8(factors[j]);
#pragma GCC unroll 8
        for (int i = 0; i < eights; i++) {
            sum[i] = fma8(factor, load_f32x8(rows + j * stride + 8 * i), sum[i]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < eights; i++) {
        store_f32x8(sums + 8 * i, sum[i]);
    }
}

static void add_weighted(const float *factors, int count, const float *rows, int64_t stride, float *sums,
                         int64_t width) {
    int64_t c = 0;
    for (; c + 64 <= width; c += 64) {
        add_weighted_columns(8, factors, count, rows + c, stride, sums + c);
    }
    for (; c < width; c += 16) {
        add_weighted_columns(2, factors, count, rows + c, stride, sums + c);
    }
}

static void exponentials(float *values, int64_t count, float minus) {
    int64_t i = 0;
    for (; i + WIDE_LANES <= count; i += WIDE_LANES) {
        store_wide(values + i, exponentials_of(load_wide(values + i) - minus));
    }
    if (i < count) {
        const size_t bytes = (size_t)(count - i) * sizeof(float);
        wide_floats last = {0};
        memcpy(&last, values + i, bytes);
        last = exponentials_of(last - minus);
        memcpy(values + i, &last, bytes);
    }
}

/* Eight shorts as floats. */
INLINE f32x8 floats_of(i16x8 shorts) {
    return __builtin_convertvector(__builtin_convertvector(shorts, i32x8), f32x8);
}

/* value = code * scale + shift, not fused: a chunk's runs, of which all but those of the last chunk are there. */
INLINE void decode_chunk(const int type, const uint8_t *p, int runs, float *out) {
    const int offset = code_offset(type), of_scale = has_inner_scales(type) ? scale_run(type) : RUN;
    float scales[16], shifts[16] = {0};
    if (has_inner_scales(type)) {
        int16_t codes_of_scales[16], minimums[16];
        inner_scales(type, p, codes_of_scales, minimums);
        for (int i = 0; i < CHUNK / of_scale; i++) {
            scales[i] = block_scale(type, p) * (float)codes_of_scales[i];
            shifts[i] = has_minimums(type) ? -(block_minimum(type, p) * (float)minimums[i]) : 0;
        }
    } else {
        for (int run = 0; run < runs; run++) {
            scales[run] = block_scale(type, p + run * block_bytes(type));
            shifts[run] = has_minimums(type) ? block_minimum(type, p + run * block_bytes(type)) : 0;
        }
    }
#pragma GCC unroll 8
    for (int run = 0; run < RUNS; run++) {
        if (run >= runs) {
            break;
        }
        /* Signed ones are moved up for the time that they are widened, which all machines do with unsigned ones. */
        const int moved = has_signed_codes(type) ? 128 : 0;
        const u8x32 code = codes(type, p, run) ^ ((u8x32){0} + (uint8_t)moved);
        for (int half = 0; half < 2; half++) {
            u8x16 bytes;
            memcpy(&bytes, (const uint8_t *)&code + 16 * half, sizeof bytes);
            const i16x16 values = widen16(bytes) - (int16_t)(moved + offset);
            i16x8 eights[2];
            memcpy(eights, &values, sizeof eights);
            for (int i = 0; i < 2; i++) {
                const int at = run * RUN + 16 * half + 8 * i, part = at / of_scale;
                const f32x8 product = floats_of(eights[i]) * scales[part];
                store_f32x8(out + at, has_minimums(type) ? product + shifts[part] : product);
            }
        }
    }
}

/* Each type by itself: what is known of it is a constant then. */
#define DECODER(type) \
    static __attribute__((noinline)) void decode_##type(const uint8_t *blocks, int64_t elements, float *out) { \
        for (int64_t at = 0; at < elements; at += CHUNK) { \
            const int64_t left = (elements - at) / RUN; \
            decode_chunk(type, blocks + at / block_elements(type) * block_bytes(type), left < RUNS ? (int)left : RUNS, \
                         out + at); \
        } \
    }
EACH_OF_32(DECODER)
EACH_OF_256(DECODER)

/* Numbers that are stored as floats. */
INLINE void decode_floats(const int type, const uint8_t *p, int64_t elements, float *out) {
    int64_t i = 0;
    for (; i + 8 <= elements; i += 8) {
        store_f32x8(out + i, load_floats(type, p + i * block_bytes(type)));
    }
    if (i < elements) {
        uint8_t last[8 * 4] = {0};
        memcpy(last, p + i * block_bytes(type), (size_t)(elements - i) * (size_t)block_bytes(type));
        f32x8 values = load_floats(type, last);
        memcpy(out + i, &values, (size_t)(elements - i) * sizeof(float));
    }
}

static void decode(int type, const uint8_t *blocks, int64_t elements, float *out) {
#define CALL_DECODER(type) \
    case type: decode_##type(blocks, elements, out); break;
    switch (type) {
        EACH_OF_32(CALL_DECODER)
        EACH_OF_256(CALL_DECODER)
    case F32: decode_floats(F32, blocks, elements, out); break;
    case F16: decode_floats(F16, blocks, elements, out); break;
    case BF16: decode_floats(BF16, blocks, elements, out); break;
    default: break; /* the Java side decodes the others itself */
    }
}

extern const struct loops NAME(loops);
const struct loops NAME(loops) = {dots, add_weighted, exponentials, decode};
