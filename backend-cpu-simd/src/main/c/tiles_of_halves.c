/*
 * Products of F16 weights with many rows of x on tile registers, nearly as good as in F32.
 *
 * Bfloat16 holds eight bits of a number. So each number is two: the bfloat16 that is nearest, and that of the rest. That is
 * all of a weight, and 16 bits of x. Of the four products of such pairs that of both rests is left out; the other
 * three go to the same sums.
 *
 * As in tiles.c weights are the left factor and x, packed once for the operation, is the right one. All x of a slice of
 * columns stays in the L2 cache while one band of weights after the other passes; sums wait in memory between slices.
 */
#include "product.h"
#include "rows.h"
#include "tiles.h"
#include "vectors.h"

enum { SIDE = TILE_ROWS, BAND = 2 * SIDE, SLICE = 256 };

/* Weight rows and rows of x whose sums wait in memory. */
enum { MOST_ROWS = 256, MOST_X = 512 };

/* Bytes between rows of weights: an odd number of cache lines, so that no places compete. */
enum { PITCH = 2 * SLICE + 64 };

/* The two parts of a number: tiles of x come in this order. */
enum part { NEAREST, REST, PARTS };

struct workspace {
    uint8_t weights[PARTS][BAND][PITCH];
    float sums[MOST_ROWS / BAND][MOST_X / BAND][4][SIDE * SIDE];
};

/* Weight rows of a band, a slice of columns and rows of x that are multiplied together. */
struct pass {
    const struct product *product;
    const struct piece *piece;
    int first_x, x_count;
    int first_row, rows;
    int from, columns;
};

typedef uint16_t u16x8 __attribute__((vector_size(16)));

/*
 * Eight numbers as bfloat16 in two parts, both rounded to the nearest. Where one is infinite or not a number, its rest is not
 * a number: that must not be rounded, lest it become one.
 */
INLINE void split(f32x8 v, uint8_t *nearest, uint8_t *rest) {
    u32x8 high = ((u32x8)v + 0x8000) & 0xffff0000u, low = (u32x8)(v - (f32x8)high);
    low += (u32x8)((i32x8)(low & 0x7fffffffu) <= 0x7f800000) & 0x8000;
    u16x8 words = __builtin_convertvector(high >> 16, u16x8);
    memcpy(nearest, &words, sizeof words);
    words = __builtin_convertvector(low >> 16, u16x8);
    memcpy(rest, &words, sizeof words);
}

/* Takes the slice of the band apart. Rows that there are not keep what was there: nobody asks for their sums. */
static void take_apart(const struct pass *pass, struct workspace *work) {
    const int whole_columns = pass->columns / 8 * 8;
    for (int r = 0; r < pass->rows; r++) {
        const uint8_t *p = weight_row(pass->product, pass->piece, pass->first_row + r) + 2 * pass->from;
        const uint8_t *next = weight_row(pass->product, pass->piece, pass->first_row + r + BAND) + 2 * pass->from;
        uint8_t *nearest = work->weights[NEAREST][r], *rest = work->weights[REST][r];
        for (int k = 0; k < whole_columns; k += 32) {
            prefetch(next + 2 * k);
        }
        for (int k = 0; k < whole_columns; k += 8) {
            split(halves8(p + 2 * k), nearest + 2 * k, rest + 2 * k);
        }
        if (pass->columns % RUN != 0) {
            uint8_t last[2 * RUN] = {0};
            memcpy(last, p + 2 * whole_columns, (size_t)(2 * (pass->columns - whole_columns)));
            for (int k = whole_columns; k < (int)whole(pass->columns, RUN); k += 8) {
                split(halves8(last + 2 * (k - whole_columns)), nearest + 2 * k, rest + 2 * k);
            }
        }
    }
}

/* Tiles: 0 to 3 sums (weights 0 with x 0, 0 with 1, 1 with 0, 1 with 1), 4 and 5 weights, 6 and 7 x. */
INLINE void add_tiles(const bool both) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    if (both) {
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
}

INLINE void multiply_runs(const bool both, const struct workspace *work, const uint8_t *x, int64_t strip_bytes, int runs) {
    for (int run = 0; run < runs; run++, x += PARTS * TILE_BYTES) {
        const uint8_t *nearest = work->weights[NEAREST][0] + run * TILE_ROW_BYTES;
        const uint8_t *rest = work->weights[REST][0] + run * TILE_ROW_BYTES;
        _tile_loadd(4, rest, PITCH);
        _tile_loadd(5, rest + SIDE * PITCH, PITCH);
        _tile_loadd(6, x, TILE_ROW_BYTES);
        if (both) {
            _tile_loadd(7, x + strip_bytes, TILE_ROW_BYTES);
        }
        add_tiles(both);
        _tile_loadd(4, nearest, PITCH);
        _tile_loadd(5, nearest + SIDE * PITCH, PITCH);
        add_tiles(both);
        _tile_loadd(6, x + TILE_BYTES, TILE_ROW_BYTES);
        if (both) {
            _tile_loadd(7, x + strip_bytes + TILE_BYTES, TILE_ROW_BYTES);
        }
        add_tiles(both);
    }
}

/* The band with rows of x 32 * n to 32 * n + 31 of the pass. */
static void multiply_patch(const struct pass *pass, const struct workspace *work, int n, float (*sums)[SIDE * SIDE]) {
    const struct product *product = pass->product;
    const int64_t first = (pass->piece->x_rows ? pass->piece->x_rows[0] : 0) + pass->first_x + n * BAND;
    const int64_t strip_bytes = STRIP * product->x_stride;
    const uint8_t *x = product->x + first * product->x_stride + (int64_t)pass->from / RUN * PARTS * TILE_BYTES;
    const int runs = (pass->columns + RUN - 1) / RUN;
    if (pass->from == 0) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums[0], TILE_ROW_BYTES);
        _tile_loadd(1, sums[1], TILE_ROW_BYTES);
        _tile_loadd(2, sums[2], TILE_ROW_BYTES);
        _tile_loadd(3, sums[3], TILE_ROW_BYTES);
    }
    if (pass->x_count - n * BAND > STRIP) {
        multiply_runs(true, work, x, strip_bytes, runs);
    } else {
        multiply_runs(false, work, x, strip_bytes, runs);
    }
    _tile_stored(0, sums[0], TILE_ROW_BYTES);
    _tile_stored(1, sums[1], TILE_ROW_BYTES);
    _tile_stored(2, sums[2], TILE_ROW_BYTES);
    _tile_stored(3, sums[3], TILE_ROW_BYTES);
    WRITTEN();
}

/* Brings a tile of sums to where results go: rows of x down, and the bias of the weight rows added. */
static void store_results(const struct pass *pass, const float *sums, int row, int x) {
    const struct product *product = pass->product;
    const __mmask16 inside = lanes_below(pass->rows - row);
    const __m512 bias = product->bias
                            ? _mm512_maskz_loadu_ps(inside, product->bias + pass->piece->first + pass->first_row + row)
                            : _mm512_set1_ps(0);
    __m512i v[SIDE];
    for (int i = 0; i < SIDE; i++) {
        v[i] = _mm512_loadu_si512(sums + i * SIDE);
    }
    transpose16(v);
    for (int i = 0; i < SIDE && x + i < pass->x_count; i++) {
        float *out = out_row(product, pass->piece, pass->first_x + x + i) + pass->first_row + row;
        _mm512_mask_storeu_ps(out, inside, _mm512_add_ps(_mm512_castsi512_ps(v[i]), bias));
    }
}

static void multiply_band(const struct pass *pass, struct workspace *work) {
    float(*sums)[4][SIDE * SIDE] = work->sums[pass->first_row / BAND % (MOST_ROWS / BAND)];
    take_apart(pass, work);
    WRITTEN();
    for (int n = 0; n * BAND < pass->x_count; n++) {
        multiply_patch(pass, work, n, sums[n]);
        for (int i = 0; pass->from + pass->columns == pass->product->columns && i < 4; i++) {
            const int row = i / 2 * SIDE, x = n * BAND + i % 2 * SIDE;
            if (row < pass->rows && x < pass->x_count) {
                store_results(pass, sums[n][i], row, x);
            }
        }
    }
}

INLINE int smaller(int a, int b) { return a < b ? a : b; }

static void multiply(const struct product *product, const struct piece *piece, uint8_t *scratch) {
    struct pass pass = {.product = product, .piece = piece};
    _tile_loadconfig(&whole_tiles);
    for (pass.first_x = 0; pass.first_x < piece->x_count; pass.first_x += MOST_X) {
        pass.x_count = smaller(MOST_X, piece->x_count - pass.first_x);
        for (int row = 0; row < piece->rows; row += MOST_ROWS) {
            const int end = smaller(row + MOST_ROWS, piece->rows);
            for (pass.from = 0; pass.from < product->columns; pass.from += SLICE) {
                pass.columns = smaller(SLICE, product->columns - pass.from);
                for (pass.first_row = row; pass.first_row < end; pass.first_row += BAND) {
                    pass.rows = smaller(BAND, end - pass.first_row);
                    multiply_band(&pass, (struct workspace *)(void *)scratch);
                }
            }
        }
    }
    _tile_release();
}

/* The columns of one row that a tile holds, of which `count` there are. */
INLINE void split_run(const float *x, int64_t count, uint8_t (*parts)[TILE_ROW_BYTES]) {
    float last[RUN] = {0};
    if (count < RUN) {
        memcpy(last, x, (size_t)count * sizeof(float));
        x = last;
    }
    for (int k = 0; k < RUN; k += 8) {
        split(load_f32x8(x + k), parts[NEAREST] + 2 * k, parts[REST] + 2 * k);
    }
}

static void pack(int layout, const float *x, int64_t x_stride, const int32_t *which, int rows, int64_t columns,
                 uint8_t *strip) {
    (void)layout;
    for (int64_t k = 0; k < columns; k += RUN) {
        uint8_t parts[STRIP][PARTS][TILE_ROW_BYTES] = {0};
        for (int r = 0; r < rows; r++) {
            const int64_t from = which ? which[r] : r;
            if (from >= 0) {
                split_run(x + from * x_stride + k, columns - k, parts[r]);
            }
        }
        for (int part = 0; part < PARTS; part++, strip += TILE_BYTES) {
            __m512i v[STRIP];
            for (int r = 0; r < STRIP; r++) {
                v[r] = _mm512_loadu_si512(parts[r][part]);
            }
            transpose16(v);
            for (int i = 0; i < TILE_ROWS; i++) {
                _mm512_storeu_si512(strip + i * TILE_ROW_BYTES, v[i]);
            }
        }
    }
}

extern const struct tile_kernels NAME(tiles_of_halves);
const struct tile_kernels NAME(tiles_of_halves) = {sizeof(struct workspace), multiply, pack};
