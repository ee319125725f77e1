/* What happens to activations between products: quantization, gating, weighted sums. In each instruction set. */
#include "exponential.h"
#include "product.h"
#include "rows.h"
#include "vectors.h"

/* Quantizes one block: x = scale * byte, scale = largest magnitude / 127. */
INLINE float quantize_block(const float *x, const int count, int8_t *bytes) {
    int32_t largest = 0;
    for (int i = 0; i < count; i++) {
        /* As integers, so that a NaN is larger than everything and spoils the scale, as it must. */
        int32_t bits;
        memcpy(&bits, x + i, 4);
        bits &= 0x7fffffff;
        largest = bits > largest ? bits : largest;
    }
    float most;
    memcpy(&most, &largest, 4);
    /* Below 2^-120 the factor would be infinite. */
    float factor = largest > 0x03800000 ? 127.0f / most : 0.0f;
    for (int i = 0; i < count; i++) {
        /* Adding 1.5 * 2^23 rounds to the nearest integer, which is then in the low bits. */
        float rounded = __builtin_fmaf(x[i], factor, 12582912.0f);
        int32_t bits;
        memcpy(&bits, &rounded, 4);
        bytes[i] = (int8_t)(uint8_t)bits;
    }
    return most / 127.0f;
}

static void quantize(int layout, const float *x, int64_t columns, uint8_t *row) {
    if (layout == LAYOUT_F32) {
        memcpy(row, x, (size_t)columns * 4);
        memset(row + columns * 4, 0, (size_t)(whole(columns, LANES) - columns) * 4);
        return;
    }
    int64_t padded = whole(columns, CHUNK);
    float *scales = (float *)(void *)(row + scales_at(padded));
    int16_t *sums16 = (int16_t *)(void *)(row + sums16_at(padded));
    int16_t *sums32 = (int16_t *)(void *)(row + sums32_at(padded));
    int8_t *bytes = (int8_t *)row;
    if (layout == LAYOUT_BLOCKS_OF_32) {
        for (int64_t k = 0; k < columns; k += RUN) {
            scales[k / RUN] = quantize_block(x + k, RUN, bytes + k);
        }
        memset(scales + columns / RUN, 0, (size_t)(padded - columns) / RUN * 4);
    } else {
        for (int64_t k = 0; k < columns; k += CHUNK) {
            scales[k / CHUNK] = quantize_block(x + k, CHUNK, bytes + k);
        }
    }
    memset(bytes + columns, 0, (size_t)(padded - columns));
    uint8_t *shifted = row + unsigned_at(padded);
    for (int64_t k = 0; k < padded; k++) {
        shifted[k] = (uint8_t)(bytes[k] ^ 0x80);
    }
    for (int64_t k = 0; k < padded; k += 16) {
        int sum = 0;
        for (int i = 0; i < 16; i++) {
            sum += bytes[k + i];
        }
        sums16[k / 16] = (int16_t)sum;
    }
    for (int64_t k = 0; k < padded; k += 32) {
        sums32[k / 32] = (int16_t)(sums16[k / 16] + sums16[k / 16 + 1]);
    }
}

/* Written so that a NaN stays one. */
INLINE wide_floats gated(wide_floats gate, wide_floats up, const struct gating *gating) {
    const wide_floats limit = all_wide(gating->limit);
    wide_floats g = where_less_wide(limit, gate, limit, gate);
    wide_floats u = where_less_wide(up, -limit, -limit, up);
    u = where_less_wide(limit, u, limit, u);
    wide_floats sigmoid = 1.0f / (1.0f + exponentials_of(-gating->alpha * g));
    return g * sigmoid * (u + gating->shift);
}

static void gate_rows(float *gate, const float *up, int64_t count, const struct gating *gating) {
    int64_t i = 0;
    for (; i + WIDE_LANES <= count; i += WIDE_LANES) {
        store_wide(gate + i, gated(load_wide(gate + i), load_wide(up + i), gating));
    }
    if (i < count) {
        const size_t bytes = (size_t)(count - i) * sizeof(float);
        wide_floats last_gate = {0}, last_up = {0};
        memcpy(&last_gate, gate + i, bytes);
        memcpy(&last_up, up + i, bytes);
        wide_floats result = gated(last_gate, last_up, gating);
        memcpy(gate + i, &result, bytes);
    }
}

static void add_scaled(float *sum, const float *y, float factor, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        sum[i] = __builtin_fmaf(factor, y[i], sum[i]);
    }
}

void NAME(multiply)(const struct product *product, const struct piece *piece, uint8_t *scratch);
void NAME(attend)(const struct attention *attention);
void NAME(attend_rounded)(const struct attention *attention);
void NAME(round_queries)(const float *queries, int32_t count, int32_t stride, float *rounded);
extern const struct kernels NAME(kernels);
const struct kernels NAME(kernels) = {NAME(multiply), gate_rows, quantize, add_scaled, NAME(attend),
                                      {NAME(round_queries), NAME(attend_rounded)}};
