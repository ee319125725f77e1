/*
 * Products of weights with many rows of x on tile registers.
 *
 * Weights are the left factor, row by row as they lie: a band of 32 rows is taken apart into bfloat16 or bytes and waits in
 * the cache while all rows of x pass. x is the right factor, packed once for the operation (pack). Sums of 32 weight rows
 * by 32 rows of x are in four tiles, so each tile that is loaded serves two products.
 *
 * Columns come in slices. With few rows of x a slice is as wide as can be, so that weights are read row after row, as
 * memory likes it, and sums stay in the tiles. With many, all x of a slice stays in the L2 cache while one band of weights
 * after the other passes, and sums wait in memory between slices, 16 weight rows down and 16 rows of x across.
 */
#include "dequantize.h"
#include "product.h"
#include "rows.h"

enum { SIDE = TILE_ROWS, BAND = 2 * SIDE };

/* Columns of a slice with up to FEW_X rows of x, and with more. */
enum { FEW_X = 128, WIDE_SLICE = 4096, SLICE = 256 };

/* Weight rows and rows of x whose sums wait in memory. */
enum { MOST_ROWS = 256, MOST_X = 512 };

/* Bytes between rows of weights: tiles are parts of them. An odd number of cache lines, so that no places compete. */
enum { PITCH = 2 * WIDE_SLICE + 64 };

struct workspace {
    uint8_t weights[BAND][PITCH];
    float scales[WIDE_SLICE / CHUNK][BAND]; /* of bytes */
    float sums[MOST_ROWS / BAND][MOST_X / BAND][4][SIDE * SIDE];
    int32_t products[4][SIDE * SIDE]; /* of bytes in one chunk */
};

_Static_assert((int)SIDE == (int)STRIP, "a strip of x is as wide as a tile");

/* The part of a product that one pass deals with. */
struct pass {
    const struct product *product;
    const struct piece *piece;
    int first_x, x_count;
    int first_row, rows; /* of the piece: a band */
    int from, columns;   /* the slice */
};

/* Where tiles of rows first_x + 16 * n of the pass begin. */
INLINE const uint8_t *strip(const struct pass *pass, int n) {
    const struct piece *piece = pass->piece;
    int64_t first = (piece->x_rows ? piece->x_rows[0] : 0) + pass->first_x + n * STRIP;
    return pass->product->x + first * pass->product->x_stride;
}

/* Asks for what will be wanted next but one: rows follow each other. */
enum { AHEAD = 2048 };
INLINE void prefetch_far(const uint8_t *p, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) {
        _mm_prefetch((const char *)(p + AHEAD + i), _MM_HINT_T1);
    }
}

/* A row of a slice as bfloat16. */
INLINE void slice_to_bf16(const int type, const int stored, const uint8_t *p, int columns, uint8_t *out) {
    struct unpacked space;
    const int64_t bytes = (int64_t)(CHUNK / block_elements(stored)) * block_bytes(stored);
    for (; columns > 0; columns -= CHUNK, p += bytes, out += RUNS * TILE_ROW_BYTES) {
        prefetch_far(p, bytes);
        row_to_bf16(type, unpacked(type, stored, p, &space), columns < CHUNK ? columns : CHUNK, out);
    }
}

/* Types that are unpacked first go on as one. */
static void take_row_apart_to_bf16(int type, const uint8_t *p, int columns, uint8_t *out) {
#define TO_BF16(type) \
    case type: slice_to_bf16(type, type, p, columns, out); break;
    switch (type) {
        EACH_OF_32(TO_BF16)
        EACH_OF_256(TO_BF16)
        TO_BF16(BF16)
    default: slice_to_bf16(UNPACKED, type, p, columns, out); break;
    }
}

static float take_chunk_apart_to_bytes(int type, const uint8_t *p, int columns, uint8_t *out) {
    struct unpacked space;
#define TO_BYTES(type) \
    case type: return row_to_bytes(type, p, columns, out);
    switch (type) {
        EACH_OF_32(TO_BYTES)
        EACH_OF_256(TO_BYTES)
    default: return row_to_bytes(UNPACKED, unpacked(UNPACKED, type, p, &space), columns, out);
    }
}

/* Takes the band's slice apart. Rows that there are not get what was there before: nobody asks for their sums. */
static void take_apart(const struct pass *pass, struct workspace *work) {
    const int type = pass->product->type;
    const int64_t chunk_bytes = (int64_t)(CHUNK / block_elements(type)) * block_bytes(type);
    for (int r = 0; r < pass->rows; r++) {
        const uint8_t *p = weight_row(pass->product, pass->piece, pass->first_row + r) + pass->from / CHUNK * chunk_bytes;
        uint8_t *out = work->weights[r];
        if (pass->product->layout == LAYOUT_TILES_OF_BF16) {
            take_row_apart_to_bf16(type, p, pass->columns, out);
            continue;
        }
        for (int k = 0; k < pass->columns; k += CHUNK, p += chunk_bytes, out += CHUNK) {
            int columns = pass->columns - k < CHUNK ? pass->columns - k : CHUNK;
            prefetch_far(p, chunk_bytes);
            work->scales[k / CHUNK][r] = take_chunk_apart_to_bytes(type, p, columns, out);
        }
    }
}

/* Tiles: 0 to 3 sums (weights 0 with x 0, 0 with 1, 1 with 0, 1 with 1), 4 and 5 weights, 6 and 7 x. */
INLINE void multiply_tiles_of(const int layout, const bool both, const uint8_t *w, const uint8_t *x,
                              int64_t x_strip_bytes, int steps) {
    const uint8_t *w1 = w + SIDE * PITCH, *x1 = x + x_strip_bytes;
    for (int at = 0; at < steps * TILE_BYTES; at += TILE_BYTES, w += TILE_ROW_BYTES, w1 += TILE_ROW_BYTES) {
        _tile_loadd(4, w, PITCH);
        _tile_loadd(6, x + at, TILE_ROW_BYTES);
        _tile_loadd(5, w1, PITCH);
        if (layout == LAYOUT_TILES_OF_BF16) {
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(2, 5, 6);
        } else {
            _tile_dpbssd(0, 4, 6);
            _tile_dpbssd(2, 5, 6);
        }
        if (both) {
            _tile_loadd(7, x1 + at, TILE_ROW_BYTES);
            if (layout == LAYOUT_TILES_OF_BF16) {
                _tile_dpbf16ps(1, 4, 7);
                _tile_dpbf16ps(3, 5, 7);
            } else {
                _tile_dpbssd(1, 4, 7);
                _tile_dpbssd(3, 5, 7);
            }
        }
    }
}

INLINE void multiply_tiles(const int layout, bool both, const uint8_t *w, const uint8_t *x, int64_t x_strip_bytes,
                           int steps) {
    if (both) {
        multiply_tiles_of(layout, true, w, x, x_strip_bytes, steps);
    } else {
        multiply_tiles_of(layout, false, w, x, x_strip_bytes, steps);
    }
}

INLINE void clear_tiles(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

INLINE void store_tiles(void *p) {
    uint8_t *to = p;
    _tile_stored(0, to, TILE_ROW_BYTES);
    _tile_stored(1, to + TILE_BYTES, TILE_ROW_BYTES);
    _tile_stored(2, to + 2 * TILE_BYTES, TILE_ROW_BYTES);
    _tile_stored(3, to + 3 * TILE_BYTES, TILE_ROW_BYTES);
}

/* True if rows of x 32 * n to 32 * n + 31 of the pass are more than one strip. */
INLINE bool are_two_strips(const struct pass *pass, int n) { return pass->x_count - 2 * n * STRIP > STRIP; }

static void patch_of_bf16(const struct pass *pass, const struct workspace *work, int n, float (*sums)[SIDE * SIDE]) {
    const uint8_t *from = (const uint8_t *)sums;
    if (pass->from == 0) {
        clear_tiles();
    } else {
        _tile_loadd(0, from, TILE_ROW_BYTES);
        _tile_loadd(1, from + TILE_BYTES, TILE_ROW_BYTES);
        _tile_loadd(2, from + 2 * TILE_BYTES, TILE_ROW_BYTES);
        _tile_loadd(3, from + 3 * TILE_BYTES, TILE_ROW_BYTES);
    }
    const uint8_t *x = strip(pass, 2 * n) + (int64_t)pass->from / RUN * TILE_BYTES;
    multiply_tiles(LAYOUT_TILES_OF_BF16, are_two_strips(pass, n), work->weights[0], x, STRIP * pass->product->x_stride,
                   (pass->columns + RUN - 1) / RUN);
    store_tiles(sums);
}

/* sums += products * scale of the weight row * scale of the row of x, of one tile. */
INLINE void add_scaled_tile(const int32_t *products, const float *w_scales, __m512 x_scales, bool first, float *sums) {
    for (int r = 0; r < SIDE; r++) {
        __m512 factor = _mm512_mul_ps(_mm512_set1_ps(w_scales[r]), x_scales);
        __m512 product = _mm512_cvtepi32_ps(_mm512_loadu_si512(products + r * SIDE));
        __m512 sum = first ? _mm512_set1_ps(0) : _mm512_loadu_ps(sums + r * SIDE);
        _mm512_storeu_ps(sums + r * SIDE, _mm512_fmadd_ps(product, factor, sum));
    }
}

static void patch_of_bytes(const struct pass *pass, struct workspace *work, int n, float (*sums)[SIDE * SIDE]) {
    const int64_t padded = whole(pass->product->columns, CHUNK), strip_bytes = STRIP * pass->product->x_stride;
    const bool both = are_two_strips(pass, n);
    const uint8_t *x = strip(pass, 2 * n);
    for (int k = 0; k < pass->columns; k += CHUNK) {
        const int chunk = (pass->from + k) / CHUNK;
        const float *x_scales = (const float *)(const void *)(x + STRIP * padded) + chunk * STRIP;
        clear_tiles();
        multiply_tiles(LAYOUT_TILES_OF_INT8, both, work->weights[0] + k, x + (int64_t)chunk * STRIP * CHUNK, strip_bytes,
                       CHUNK / 64);
        store_tiles(work->products);
        for (int half = 0; half < (both ? 2 : 1); half++) {
            __m512 scales = _mm512_loadu_ps(x_scales + half * strip_bytes / (int64_t)sizeof(float));
            for (int side = 0; side < 2; side++) {
                add_scaled_tile(work->products[2 * side + half], work->scales[k / CHUNK] + side * SIDE, scales, chunk == 0,
                                sums[2 * side + half]);
            }
        }
    }
}

/* Brings a tile of sums to where results go: rows of x down, and the bias of the weight rows added. */
static void store_results(const struct pass *pass, const float *sums, int row, int x) {
    const struct product *product = pass->product;
    __mmask16 inside = lanes_below(pass->rows - row);
    __m512 bias = product->bias
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

/* Takes a band's slice apart and adds its products with all rows of x of the pass; in the end, the results. */
static void multiply_band(const struct pass *pass, struct workspace *work) {
    const bool is_last = pass->from + pass->columns == pass->product->columns;
    take_apart(pass, work);
    WRITTEN();
    for (int n = 0; n * BAND < pass->x_count; n++) {
        float(*sums)[SIDE * SIDE] = work->sums[pass->first_row / BAND % (MOST_ROWS / BAND)][n];
        if (pass->product->layout == LAYOUT_TILES_OF_BF16) {
            patch_of_bf16(pass, work, n, sums);
        } else {
            patch_of_bytes(pass, work, n, sums);
        }
        WRITTEN();
        for (int i = 0; is_last && i < 4; i++) {
            int row = i / 2 * SIDE, x = n * BAND + i % 2 * SIDE;
            if (row < pass->rows && x < pass->x_count) {
                store_results(pass, sums[i], row, x);
            }
        }
    }
}

INLINE int smaller(int a, int b) { return a < b ? a : b; }

static void multiply(const struct product *product, const struct piece *piece, uint8_t *scratch) {
    struct workspace *work = (struct workspace *)(void *)scratch;
    const int slice = piece->x_count > FEW_X ? SLICE : WIDE_SLICE;
    struct pass pass = {.product = product, .piece = piece};
    _tile_loadconfig(&whole_tiles);
    for (pass.first_x = 0; pass.first_x < piece->x_count; pass.first_x += MOST_X) {
        pass.x_count = smaller(MOST_X, piece->x_count - pass.first_x);
        for (int row = 0; row < piece->rows; row += MOST_ROWS) {
            const int end = smaller(row + MOST_ROWS, piece->rows);
            for (pass.from = 0; pass.from < product->columns; pass.from += slice) {
                pass.columns = smaller(slice, product->columns - pass.from);
                for (pass.first_row = row; pass.first_row < end; pass.first_row += BAND) {
                    pass.rows = smaller(BAND, end - pass.first_row);
                    multiply_band(&pass, work);
                }
            }
        }
    }
    _tile_release();
}

static void pack_bf16(const float *const *x, int64_t columns, uint8_t *out) {
    for (int64_t k = 0; k < columns; k += RUN, out += TILE_BYTES) {
        __m512i v[STRIP];
        for (int r = 0; r < STRIP; r++) {
            v[r] = _mm512_setzero_si512();
            if (x[r]) {
                __m512 low = _mm512_maskz_loadu_ps(lanes_below(columns - k), x[r] + k);
                __m512 high = _mm512_maskz_loadu_ps(lanes_below(columns - k - 16), x[r] + k + 16);
                __m512bh pairs = _mm512_cvtne2ps_pbh(high, low);
                memcpy(&v[r], &pairs, sizeof pairs);
            }
        }
        transpose16(v);
        for (int i = 0; i < TILE_ROWS; i++) {
            _mm512_storeu_si512(out + i * TILE_ROW_BYTES, v[i]);
        }
    }
}

static void pack_bytes(const float *const *x, int64_t columns, uint8_t *out) {
    float *scales = (float *)(void *)(out + STRIP * whole(columns, CHUNK));
    for (int64_t k = 0; k < columns; k += CHUNK, out += STRIP * CHUNK, scales += STRIP) {
        uint8_t bytes[STRIP][CHUNK];
        for (int r = 0; r < STRIP; r++) {
            __m512 values[CHUNK / 16];
            for (int i = 0; i < CHUNK / 16; i++) {
                values[i] = x[r] ? _mm512_maskz_loadu_ps(lanes_below(columns - k - 16 * i), x[r] + k + 16 * i)
                                 : _mm512_set1_ps(0);
            }
            scales[r] = to_bytes(values, bytes[r]);
        }
        for (int tile = 0; tile < CHUNK / 64; tile++) {
            __m512i v[STRIP];
            for (int r = 0; r < STRIP; r++) {
                v[r] = _mm512_loadu_si512(bytes[r] + tile * TILE_ROW_BYTES);
            }
            transpose16(v);
            for (int i = 0; i < TILE_ROWS; i++) {
                _mm512_storeu_si512(out + tile * TILE_BYTES + i * TILE_ROW_BYTES, v[i]);
            }
        }
    }
}

static void pack(int layout, const float *x, int64_t x_stride, const int32_t *which, int rows, int64_t columns,
                 uint8_t *strip) {
    const float *row[STRIP] = {0};
    for (int r = 0; r < rows; r++) {
        int64_t from = which ? which[r] : r;
        row[r] = from < 0 ? NULL : x + from * x_stride;
    }
    if (layout == LAYOUT_TILES_OF_BF16) {
        pack_bf16(row, columns, strip);
    } else {
        pack_bytes(row, columns, strip);
    }
}

extern const struct tile_kernels NAME(tiles);
const struct tile_kernels NAME(tiles) = {sizeof(struct workspace), multiply, pack};
