/* One worker's part of a matrix product, in each instruction set. */
#include "product.h"

#include "decode.h"
#include "floats.h"
#include "panel.h"

/* Rows of x up to which weights are multiplied as they are: taking a panel apart would cost more. */
enum { FEW = 8 };

INLINE const uint8_t *x_row(const struct product *product, const struct piece *piece, int j) {
    return product->x + (piece->x_rows ? piece->x_rows[j] : j) * product->x_stride;
}

/* M rows of x from row j on with four weight rows. */
INLINE void multiply_tile(const int type, const int m_count, const struct product *product, const struct piece *piece,
                          int row, int j) {
    const uint8_t *w[DECODE_ROWS];
    struct x_parts x[TILE_X];
    f32x4 results[TILE_X];
    for (int r = 0; r < DECODE_ROWS; r++) {
        w[r] = weight_row(product, piece, row + r);
    }
    for (int m = 0; m < m_count; m++) {
        x[m] = parts_of(x_row(product, piece, j + m), product->columns);
    }
    decode_rows(type, m_count, w, product->columns, x, bytes_ahead(product->row_bytes), results);
    int count = piece->rows - row < DECODE_ROWS ? piece->rows - row : DECODE_ROWS;
    for (int m = 0; m < m_count; m++) {
        memcpy(out_row(product, piece, j + m) + row, &results[m], (size_t)count * sizeof(float));
    }
}

INLINE void multiply_few(const int type, const struct product *product, const struct piece *piece) {
    for (int row = 0; row < piece->rows; row += DECODE_ROWS) {
        int j = 0;
        for (; j + TILE_X <= piece->x_count; j += TILE_X) {
            multiply_tile(type, TILE_X, product, piece, row, j);
        }
        for (; j + 2 <= piece->x_count; j += 2) {
            multiply_tile(type, 2, product, piece, row, j);
        }
        if (j < piece->x_count) {
            multiply_tile(type, 1, product, piece, row, j);
        }
    }
}

INLINE void multiply_many(const int type, const struct product *product, const struct piece *piece,
                          uint8_t *scratch) {
    struct panel *panel = (struct panel *)(void *)scratch;
    float(*results)[PANEL_ROWS] = (float(*)[PANEL_ROWS])(void *)(panel + 1);
    _Static_assert(sizeof(struct panel) + MOST_X * PANEL_ROWS * sizeof(float) <= SCRATCH_BYTES, "scratch is too small");
    for (int first_x = 0; first_x < piece->x_count; first_x += MOST_X) {
        const uint8_t *x[MOST_X];
        int x_count = piece->x_count - first_x < MOST_X ? piece->x_count - first_x : MOST_X;
        for (int j = 0; j < x_count; j++) {
            x[j] = x_row(product, piece, first_x + j);
        }
        for (int row = 0; row < piece->rows; row += PANEL_ROWS) {
            const uint8_t *w[PANEL_ROWS];
            for (int r = 0; r < PANEL_ROWS; r++) {
                w[r] = weight_row(product, piece, row + r);
            }
            multiply_panel(type, panel, w, weight_row(product, piece, row + PANEL_ROWS), product->row_bytes,
                           product->columns, x, x_count, results);
            int count = piece->rows - row < PANEL_ROWS ? piece->rows - row : PANEL_ROWS;
            for (int j = 0; j < x_count; j++) {
                memcpy(out_row(product, piece, first_x + j) + row, results[j], (size_t)count * sizeof(float));
            }
        }
    }
}

INLINE void multiply_quantized(const int type, const struct product *product, const struct piece *piece,
                               uint8_t *scratch) {
    if (piece->x_count <= FEW) {
        multiply_few(type, product, piece);
    } else {
        multiply_many(type, product, piece, scratch);
    }
}

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

/* A function for each type of weight. */
#define FLOATS(type) \
    static __attribute__((noinline)) void multiply_##type(const struct product *product, const struct piece *piece, \
                                                          uint8_t *scratch) { \
        (void)scratch; \
        multiply_floats(type, product, piece); \
    }
#define QUANTIZED(type) \
    static __attribute__((noinline)) void multiply_##type(const struct product *product, const struct piece *piece, \
                                                          uint8_t *scratch) { \
        multiply_quantized(type, product, piece, scratch); \
    }
FLOATS(F32)
FLOATS(F16)
FLOATS(BF16)
EACH_QUANTIZED(QUANTIZED)

#define CALL(type) \
    case type: multiply_##type(product, piece, scratch); break;

void NAME(multiply)(const struct product *product, const struct piece *piece, uint8_t *scratch);
void NAME(multiply)(const struct product *product, const struct piece *piece, uint8_t *scratch) {
    switch (product->type) {
        CALL(F32)
        CALL(F16)
        CALL(BF16)
        EACH_QUANTIZED(CALL)
    default: break;
    }
    if (product->bias) {
        add_bias(product, piece);
    }
}
