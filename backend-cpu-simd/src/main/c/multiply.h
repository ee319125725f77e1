/*
 * One worker's part of a product with quantized weights. Compiled in a file for each family of types (products_*.c), so
 * that a build of many types is one of many processes.
 */
#ifndef JUGGLER_MULTIPLY_H
#define JUGGLER_MULTIPLY_H

#include "decode.h"
#include "panel.h"
#include "product.h"

/* Rows of x up to which weights are multiplied as they are: taking a panel apart would cost more. */
enum { FEW = 8 };

/*
 * M rows of x from row j on with four weight rows, `apart` rows apart: four runs through memory, each in order, which
 * machines read ahead better than four rows side by side that are left behind again.
 */
INLINE void multiply_tile(const int type, const int stored, const int m_count, const struct product *product,
                          const struct piece *piece, int row, int apart, int j) {
    const uint8_t *w[DECODE_ROWS];
    struct x_parts x[TILE_X];
    f32x4 results[TILE_X];
    for (int r = 0; r < DECODE_ROWS; r++) {
        w[r] = weight_row(product, piece, row + r * apart);
    }
    for (int m = 0; m < m_count; m++) {
        x[m] = parts_of(x_row(product, piece, j + m), product->columns);
    }
    decode_rows(type, stored, m_count, w, product->columns, x, results);
    for (int m = 0; m < m_count; m++) {
        float *out = out_row(product, piece, j + m);
        for (int r = 0; r < DECODE_ROWS && row + r * apart < piece->rows; r++) {
            out[row + r * apart] = results[m][r];
        }
    }
}

INLINE void multiply_few(const int type, const int stored, const struct product *product, const struct piece *piece) {
    const int apart = (piece->rows + DECODE_ROWS - 1) / DECODE_ROWS;
    for (int row = 0; row < apart; row++) {
        int j = 0;
        for (; j + TILE_X <= piece->x_count; j += TILE_X) {
            multiply_tile(type, stored, TILE_X, product, piece, row, apart, j);
        }
        for (; j + 2 <= piece->x_count; j += 2) {
            multiply_tile(type, stored, 2, product, piece, row, apart, j);
        }
        if (j < piece->x_count) {
            multiply_tile(type, stored, 1, product, piece, row, apart, j);
        }
    }
}

INLINE void multiply_many(const int type, const int stored, const struct product *product, const struct piece *piece,
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
            multiply_panel(type, stored, panel, w, weight_row(product, piece, row + PANEL_ROWS), product->row_bytes,
                           product->columns, x, x_count, results);
            int count = piece->rows - row < PANEL_ROWS ? piece->rows - row : PANEL_ROWS;
            for (int j = 0; j < x_count; j++) {
                float *out = out_row(product, piece, first_x + j) + row;
                if (count == PANEL_ROWS) {
                    memcpy(out, results[j], sizeof results[j]); /* a few instructions, not a call */
                } else {
                    memcpy(out, results[j], (size_t)count * sizeof(float));
                }
            }
        }
    }
}

/* Weights that are stored as one type are multiplied as another where they are unpacked first. */
INLINE void multiply_quantized(const int type, const int stored, const struct product *product,
                               const struct piece *piece, uint8_t *scratch) {
    if (piece->x_count <= FEW) {
        multiply_few(type, stored, product, piece);
    } else {
        multiply_many(type, stored, product, piece, scratch);
    }
}

/* A function for each type of weight, multiplied as it is stored. */
#define MULTIPLY(type) \
    static __attribute__((noinline)) void multiply_##type(const struct product *product, const struct piece *piece, \
                                                          uint8_t *scratch) { \
        multiply_quantized(type, type, product, piece, scratch); \
    }
#define CALL_MULTIPLY(type) \
    case type: multiply_##type(product, piece, scratch); break;

#endif
