/*
 * Products of weights with many rows of x on tile registers.
 *
 * Weights are the left factor, row by row as they lie: a band of rows is taken apart into bfloat16 or bytes, a chunk of
 * 256 columns at a time, and stays in the cache while all rows of x pass. x is the right factor, packed once for the
 * operation (pack). Sums of 32 weight rows by 32 rows of x are in four tiles, so each tile that is loaded serves two
 * products; between chunks they wait in memory, 16 weight rows down and 16 rows of x across.
 */
#include "dequantize.h"
#include "product.h"
#include "rows.h"

enum { SIDE = TILE_ROWS, PATCH = 2 * SIDE };

/*
 * Weight rows that are taken apart together. Of few rows of x a band of one patch is best: its chunk stays in the L1
 * cache. Many rows of x come from afar, so that more weight rows should be ready when they do.
 */
enum { LOW_BAND = PATCH, HIGH_BAND = 4 * PATCH, FEW_FOR_HIGH = 4 * PATCH };

/* Rows of x that pass before the next ones do. */
enum { MOST_TILED_X = 512 };

struct workspace {
    uint8_t weights[HIGH_BAND / SIDE][RUNS][TILE_BYTES];
    float scales[HIGH_BAND]; /* of bytes */
    float sums[HIGH_BAND / PATCH][MOST_TILED_X / PATCH][4][SIDE * SIDE];
    int32_t products[4][SIDE * SIDE]; /* of bytes in one chunk */
};

_Static_assert((int)SIDE == (int)STRIP, "a strip of x is as wide as a tile");

/* The part of a product that one pass deals with. */
struct pass {
    const struct product *product;
    const struct piece *piece;
    int first_x, x_count;
    int first_row, rows; /* of the piece */
    int chunk, columns;  /* of the chunk */
};

/* Where tiles of rows first_x + 16 * n of the pass begin. */
INLINE const uint8_t *strip(const struct pass *pass, int n) {
    const struct piece *piece = pass->piece;
    int64_t first = (piece->x_rows ? piece->x_rows[0] : 0) + pass->first_x + n * STRIP;
    return pass->product->x + first * pass->product->x_stride;
}

/* Types that are unpacked first go on as one. */
static void take_row_apart_to_bf16(int type, const uint8_t *p, int columns, uint8_t *out) {
    struct unpacked space;
#define TO_BF16(type) \
    case type: row_to_bf16(type, p, columns, out); break;
    switch (type) {
        EACH_OF_32(TO_BF16)
        EACH_OF_256(TO_BF16)
        TO_BF16(BF16)
    default: row_to_bf16(UNPACKED, unpacked(UNPACKED, type, p, &space), columns, out); break;
    }
}

static float take_row_apart_to_bytes(int type, const uint8_t *p, int columns, uint8_t *out) {
    struct unpacked space;
#define TO_BYTES(type) \
    case type: return row_to_bytes(type, p, columns, out);
    switch (type) {
        EACH_OF_32(TO_BYTES)
        EACH_OF_256(TO_BYTES)
    default: return row_to_bytes(UNPACKED, unpacked(UNPACKED, type, p, &space), columns, out);
    }
}

/* Asks for what the next band will want of the row that starts at p. */
INLINE void prefetch_far(const uint8_t *p, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 64) {
        _mm_prefetch((const char *)(p + i), _MM_HINT_T1);
    }
}

/* Takes the chunk of the pass apart, in whole patches of rows. */
static void take_apart(const struct pass *pass, struct workspace *work) {
    const int type = pass->product->type;
    const int64_t chunk_bytes = (int64_t)(CHUNK / block_elements(type)) * block_bytes(type);
    const int64_t ahead = pass->rows * pass->product->row_bytes;
    const bool more = pass->first_row + pass->rows < pass->piece->rows;
    for (int r = 0; r < (int)whole(pass->rows, PATCH); r++) {
        const uint8_t *p = weight_row(pass->product, pass->piece, pass->first_row + r) + pass->chunk * chunk_bytes;
        uint8_t *out = work->weights[r / SIDE][0] + r % SIDE * TILE_ROW_BYTES;
        if (more) {
            prefetch_far(p + ahead, chunk_bytes);
        }
        if (pass->product->layout == LAYOUT_TILES_OF_BF16) {
            take_row_apart_to_bf16(type, p, pass->columns, out);
        } else {
            work->scales[r] = take_row_apart_to_bytes(type, p, pass->columns, out);
        }
    }
}

/* Tiles: 0 to 3 sums (weights 0 with x 0, 0 with 1, 1 with 0, 1 with 1), 4 and 5 weights, 6 and 7 x. */
INLINE void multiply_tiles_of(const int layout, const bool both, const uint8_t *w, const uint8_t *x,
                              int64_t x_strip_bytes, int steps) {
    const uint8_t *w1 = w + RUNS * TILE_BYTES, *x1 = x + x_strip_bytes;
    for (int at = 0; at < steps * TILE_BYTES; at += TILE_BYTES) {
        _tile_loadd(4, w + at, TILE_ROW_BYTES);
        _tile_loadd(6, x + at, TILE_ROW_BYTES);
        _tile_loadd(5, w1 + at, TILE_ROW_BYTES);
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

static void patch_of_bf16(const struct pass *pass, const uint8_t *w, int n, float (*sums)[SIDE * SIDE]) {
    const uint8_t *from = (const uint8_t *)sums;
    if (pass->chunk == 0) {
        clear_tiles();
    } else {
        _tile_loadd(0, from, TILE_ROW_BYTES);
        _tile_loadd(1, from + TILE_BYTES, TILE_ROW_BYTES);
        _tile_loadd(2, from + 2 * TILE_BYTES, TILE_ROW_BYTES);
        _tile_loadd(3, from + 3 * TILE_BYTES, TILE_ROW_BYTES);
    }
    bool both = pass->x_count - 2 * n * STRIP > STRIP;
    const uint8_t *x = strip(pass, 2 * n) + (int64_t)pass->chunk * RUNS * TILE_BYTES;
    int steps = (pass->columns + RUN - 1) / RUN;
    multiply_tiles(LAYOUT_TILES_OF_BF16, both, w, x, STRIP * pass->product->x_stride, steps);
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

static void patch_of_bytes(const struct pass *pass, struct workspace *work, int band_row, int n,
                           float (*sums)[SIDE * SIDE]) {
    const int64_t padded = whole(pass->product->columns, CHUNK);
    bool both = pass->x_count - 2 * n * STRIP > STRIP;
    const uint8_t *x = strip(pass, 2 * n);
    const float *x_scales = (const float *)(const void *)(x + STRIP * padded) + pass->chunk * STRIP;
    const int64_t strip_bytes = STRIP * pass->product->x_stride;
    clear_tiles();
    multiply_tiles(LAYOUT_TILES_OF_INT8, both, work->weights[band_row / SIDE][0], x + (int64_t)pass->chunk * STRIP * CHUNK,
                   strip_bytes, CHUNK / 64);
    store_tiles(work->products);
    for (int half = 0; half < (both ? 2 : 1); half++) {
        __m512 scales = _mm512_loadu_ps(x_scales + half * strip_bytes / (int64_t)sizeof(float));
        for (int side = 0; side < 2; side++) {
            add_scaled_tile(work->products[2 * side + half], work->scales + band_row + side * SIDE, scales,
                            pass->chunk == 0, sums[2 * side + half]);
        }
    }
}

/* Adds the products of a chunk to all sums of the pass. */
static void multiply_chunk(const struct pass *pass, struct workspace *work) {
    take_apart(pass, work);
    WRITTEN();
    for (int n = 0; n * PATCH < pass->x_count; n++) {
        for (int row = 0; row < pass->rows; row += PATCH) {
            float(*sums)[SIDE * SIDE] = work->sums[row / PATCH][n];
            if (pass->product->layout == LAYOUT_TILES_OF_BF16) {
                patch_of_bf16(pass, work->weights[row / SIDE][0], n, sums);
            } else {
                patch_of_bytes(pass, work, row, n, sums);
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

static void multiply(const struct product *product, const struct piece *piece, uint8_t *scratch) {
    struct workspace *work = (struct workspace *)(void *)scratch;
    const int band = piece->x_count > FEW_FOR_HIGH ? HIGH_BAND : LOW_BAND;
    _tile_loadconfig(&whole_tiles);
    for (int x = 0; x < piece->x_count; x += MOST_TILED_X) {
        int x_count = piece->x_count - x < MOST_TILED_X ? piece->x_count - x : MOST_TILED_X;
        for (int row = 0; row < piece->rows; row += band) {
            struct pass pass = {product, piece, x, x_count, row, piece->rows - row < band ? piece->rows - row : band, 0, 0};
            for (int from = 0; from < product->columns; from += CHUNK) {
                pass.chunk = from / CHUNK;
                pass.columns = product->columns - from < CHUNK ? product->columns - from : CHUNK;
                multiply_chunk(&pass, work);
            }
            for (int r = 0; r < pass.rows; r += SIDE) {
                for (int j = 0; j < x_count; j += SIDE) {
                    int tile = r / SIDE % 2 * 2 + j / SIDE % 2;
                    store_results(&pass, work->sums[r / PATCH][j / PATCH][tile], r, j);
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
            scales[r] = to_bytes(values, bytes[r], TILE_ROW_BYTES);
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
