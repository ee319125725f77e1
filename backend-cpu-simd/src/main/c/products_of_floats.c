/*
 * Products in F32: of weights that are stored as floats, and of all others where activations are not to be rounded. The
 * sums are those of floats.h, in the same order, for few rows of x and for many.
 *
 * For many rows of x a panel, a chunk of 256 columns of some weight rows, is decoded once and stays in the L1 cache while the
 * rows of x pass. Each pair of rows has its vector of partial sums, so nothing is added across lanes and nothing copied to
 * all lanes; as many pairs as there are registers for are summed up together, so that more is multiplied than read. Where
 * vectors have fewer than sixteen lanes, these take turns. Between chunks partial sums wait in memory.
 */
#include "floats.h"
#include "loops.h"
#include "product.h"

extern const struct loops NAME(loops);

/* Weight rows of a panel, and of those whose sums wait in memory; rows of x that are multiplied before the next ones. */
enum { PANEL = 16, BAND = 64, MOST_X = 128 };

/* Weight rows that are multiplied together with FLOAT_TILE rows of x. */
enum { TILE_W = 4 };

/* Floats between the rows of a panel: not all in one place of the cache. */
enum { STRIDE = CHUNK + LANES };

struct workspace {
    float panel[PANEL][STRIDE];
    float sums[MOST_X][BAND][LANES];
};

_Static_assert(sizeof(struct workspace) <= SCRATCH_BYTES, "scratch is too small");

/* Adds what TILE_W weight rows and m_count rows of x come to; the first time, to zero. */
INLINE void multiply_tile(const int m_count, const bool first, const float *w, const float *const *x, int columns,
                          float (*sums)[BAND][LANES]) {
#pragma GCC unroll 4
    for (int lane = 0; lane < LANES; lane += PANEL_LANES) {
        panel_floats sum[FLOAT_TILE][TILE_W];
#pragma GCC unroll 8
        for (int m = 0; m < m_count; m++) {
#pragma GCC unroll 4
            for (int r = 0; r < TILE_W; r++) {
                sum[m][r] = first ? panel_all_floats(0) : panel_load_floats(sums[m][r] + lane);
            }
        }
#pragma GCC unroll 1
        for (int k = lane; k < columns; k += LANES) {
            panel_floats v[FLOAT_TILE];
#pragma GCC unroll 8
            for (int m = 0; m < m_count; m++) {
                v[m] = panel_load_floats(x[m] + k);
            }
#pragma GCC unroll 4
            for (int r = 0; r < TILE_W; r++) {
                const panel_floats a = panel_load_floats(w + r * STRIDE + k);
#pragma GCC unroll 8
                for (int m = 0; m < m_count; m++) {
                    sum[m][r] = panel_fma(a, v[m], sum[m][r]);
                }
            }
        }
#pragma GCC unroll 8
        for (int m = 0; m < m_count; m++) {
#pragma GCC unroll 4
            for (int r = 0; r < TILE_W; r++) {
                panel_store_floats(sums[m][r] + lane, sum[m][r]);
            }
        }
    }
}

INLINE void multiply_tiles(const int m_count, bool first, const float *w, int rows, const float *const *x, int columns,
                           float (*sums)[BAND][LANES]) {
    for (int r = 0; r < rows; r += TILE_W) {
        float(*at)[BAND][LANES] = (float(*)[BAND][LANES])(void *)sums[0][r];
        if (first) {
            multiply_tile(m_count, true, w + r * STRIDE, x, columns, at);
        } else {
            multiply_tile(m_count, false, w + r * STRIDE, x, columns, at);
        }
    }
}

/* A panel with all rows of x; what is left of them after whole tiles has kernels of its own. */
static void multiply_panel(const float *w, int rows, const float *const *x, int x_count, int columns, bool first,
                           float (*sums)[BAND][LANES]) {
    int m = 0;
    for (; m + FLOAT_TILE <= x_count; m += FLOAT_TILE) {
        multiply_tiles(FLOAT_TILE, first, w, rows, x + m, columns, sums + m);
    }
#define REST(count) \
    case count: multiply_tiles(count < FLOAT_TILE ? count : 1, first, w, rows, x + m, columns, sums + m); break;
    switch (x_count - m) {
        REST(1) REST(2) REST(3) REST(4) REST(5)
    default: break;
    }
    _Static_assert(FLOAT_TILE <= 6, "there are kernels for five rows that are left");
}

/* Decodes columns from k on of `rows` weight rows from `row` on, and asks for those of the next panel. */
static void fill_panel(const struct product *product, const struct piece *piece, int row, int rows, int k, int columns,
                       float (*panel)[STRIDE]) {
    const int type = product->type;
    const int64_t at = (int64_t)(k / block_elements(type)) * block_bytes(type);
    const int64_t bytes = (int64_t)(columns / block_elements(type)) * block_bytes(type);
    for (int r = 0; r < (int)whole(rows, TILE_W); r++) {
        const uint8_t *next = weight_row(product, piece, row + r + PANEL) + at;
        for (int64_t i = 0; i < bytes; i += 64) {
            prefetch(next + i);
        }
        NAME(loops).decode(type, weight_row(product, piece, row + r) + at, columns, panel[r]);
        memset(panel[r] + columns, 0, (size_t)(whole(columns, LANES) - columns) * sizeof(float));
    }
}

/* Adds partial sums up, a weight row in each of eight lanes. */
static void store_results(const struct product *product, const struct piece *piece, int row, int rows, int first_x,
                          int x_count, float (*sums)[BAND][LANES]) {
    for (int j = 0; j < x_count; j++) {
        float *out = out_row(product, piece, first_x + j) + row;
        for (int r = 0; r < rows; r += 8) {
            f32x8 v[8];
            for (int i = 0; i < 8; i++) {
                const float *sum = sums[j][r + i];
                v[i] = load_f32x8(sum) + load_f32x8(sum + 8);
            }
            const f32x8 results = sums_of_eight_floats(v);
            if (rows - r >= 8) {
                memcpy(out + r, &results, sizeof results); /* an instruction, not a call */
            } else {
                memcpy(out + r, &results, (size_t)(rows - r) * sizeof(float));
            }
        }
    }
}

/* Some weight rows, of which BAND are there at most, with some rows of x, of which MOST_X are. */
static void multiply_band(const struct product *product, const struct piece *piece, int row, int rows, int first_x,
                          int x_count, struct workspace *work) {
    const float *x[MOST_X];
    for (int k = 0; k < product->columns; k += CHUNK) {
        const int columns = product->columns - k < CHUNK ? product->columns - k : CHUNK;
        for (int j = 0; j < x_count; j++) {
            x[j] = (const float *)(const void *)x_row(product, piece, first_x + j) + k;
        }
        for (int r = 0; r < rows; r += PANEL) {
            const int count = rows - r < PANEL ? rows - r : PANEL;
            fill_panel(product, piece, row + r, count, k, columns, work->panel);
            multiply_panel(work->panel[0], count, x, x_count, columns, k == 0,
                           (float(*)[BAND][LANES])(void *)work->sums[0][r]);
        }
    }
    store_results(product, piece, row, rows, first_x, x_count, work->sums);
}

static void multiply_many(const struct product *product, const struct piece *piece, struct workspace *work) {
    for (int first_x = 0; first_x < piece->x_count; first_x += MOST_X) {
        const int x_count = piece->x_count - first_x < MOST_X ? piece->x_count - first_x : MOST_X;
        for (int row = 0; row < piece->rows; row += BAND) {
            const int rows = piece->rows - row < BAND ? piece->rows - row : BAND;
            multiply_band(product, piece, row, rows, first_x, x_count, work);
        }
    }
}

/*
 * Whether rows of x are so few that weights are better read from front to back, two rows at a time: the time goes into
 * waiting for memory, longest for F32. Blocks would be decoded again for each row of x.
 */
INLINE bool are_few(int type, int x_count) { return block_elements(type) == 1 && x_count <= (type == F32 ? 6 : 2); }

INLINE void multiply_few(const int type, const struct product *product, const struct piece *piece) {
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

MULTIPLIER(NAME(multiply_floats));
MULTIPLIER(NAME(multiply_floats)) {
    if (!are_few(product->type, piece->x_count)) {
        multiply_many(product, piece, (struct workspace *)(void *)scratch);
        return;
    }
    switch (product->type) {
    case F32: multiply_few(F32, product, piece); break;
    case F16: multiply_few(F16, product, piece); break;
    case BF16: multiply_few(BF16, product, piece); break;
    default: break;
    }
}
