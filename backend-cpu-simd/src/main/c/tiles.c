/*
 * Products of weights with many rows of x on tile registers.
 *
 * Weights are the left factor, row by row as they lie: a band of 32 rows is taken apart into bfloat16 or bytes and waits in
 * the cache while all rows of x pass; meanwhile the next band is taken apart. x is the right factor, packed once for the
 * operation (pack). Sums of 32 weight rows by 32 rows of x are in four tiles, so each tile that is loaded serves two
 * products.
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

/* A band taken apart. */
struct band {
    uint8_t weights[BAND][PITCH];
    float scales[WIDE_SLICE / CHUNK][BAND]; /* of bytes */
};

struct workspace {
    struct band bands[2]; /* while one is multiplied, the next is taken apart */
    float sums[MOST_ROWS / BAND][MOST_X / BAND][4][SIDE * SIDE];
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

/* Types that are unpacked first go on as one. */
static void take_chunk_apart_to_bf16(int type, const uint8_t *p, int columns, uint8_t *out) {
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

/* Taking a band's slice apart, row after row and chunk after chunk. */
struct taking {
    const struct pass *pass; /* null: there is none */
    struct band *band;
    int row, column;
    int rate, due; /* in parts of a chunk: what a step of the pass before adds, and what is not taken apart yet */
};
enum { PARTS = 1 << 12 };

/*
 * Takes up to `count` chunks apart. Rows that there are not keep what was there before: nobody asks for their sums.
 */
static void take_apart(struct taking *taking, int count) {
    const struct pass *pass = taking->pass;
    if (!pass) {
        return;
    }
    const int type = pass->product->type;
    const int64_t chunk_bytes = (int64_t)(CHUNK / block_elements(type)) * block_bytes(type);
    for (; count > 0 && taking->row < pass->rows; count--) {
        const int row = taking->row, k = taking->column;
        const int columns = pass->columns - k < CHUNK ? pass->columns - k : CHUNK;
        const int64_t at = (pass->from + k) / CHUNK * chunk_bytes;
        const uint8_t *p = weight_row(pass->product, pass->piece, pass->first_row + row) + at;
        struct band *band = taking->band;
        prefetch_far(p, chunk_bytes);
        if (pass->product->layout == LAYOUT_TILES_OF_BF16) {
            take_chunk_apart_to_bf16(type, p, columns, band->weights[row] + 2 * k);
        } else {
            band->scales[k / CHUNK][row] = take_chunk_apart_to_bytes(type, p, columns, band->weights[row] + k);
        }
        taking->column += CHUNK;
        if (taking->column >= pass->columns) {
            taking->column = 0;
            taking->row++;
        }
    }
}

/*
 * What the processor does while tiles, which have a unit of their own, are multiplied. Evenly: it looks ahead a few steps
 * only.
 */
INLINE void use_the_step(struct taking *next) {
    next->due += next->rate;
    if (next->due >= PARTS) {
        take_apart(next, next->due / PARTS);
        next->due %= PARTS;
    }
}

/* Tiles: 0 to 3 sums (weights 0 with x 0, 0 with 1, 1 with 0, 1 with 1), 4 and 5 weights, 6 and 7 x. */
INLINE void multiply_tiles_of(const int layout, const bool both, const uint8_t *w, const uint8_t *x,
                              int64_t x_strip_bytes, int steps, struct taking *next) {
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
        use_the_step(next);
    }
}

INLINE void multiply_tiles(const int layout, bool both, const uint8_t *w, const uint8_t *x, int64_t x_strip_bytes,
                           int steps, struct taking *next) {
    if (both) {
        multiply_tiles_of(layout, true, w, x, x_strip_bytes, steps, next);
    } else {
        multiply_tiles_of(layout, false, w, x, x_strip_bytes, steps, next);
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

static void patch_of_bf16(const struct pass *pass, const struct band *band, int n, float (*sums)[SIDE * SIDE],
                          struct taking *next) {
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
    multiply_tiles(LAYOUT_TILES_OF_BF16, are_two_strips(pass, n), band->weights[0], x, STRIP * pass->product->x_stride,
                   (pass->columns + RUN - 1) / RUN, next);
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

static void patch_of_bytes(const struct pass *pass, const struct band *band, int n, float (*sums)[SIDE * SIDE],
                           struct taking *next) {
    int32_t products[4][SIDE * SIDE];
    const int64_t padded = whole(pass->product->columns, CHUNK), strip_bytes = STRIP * pass->product->x_stride;
    const bool both = are_two_strips(pass, n);
    const uint8_t *x = strip(pass, 2 * n);
    for (int k = 0; k < pass->columns; k += CHUNK) {
        const int chunk = (pass->from + k) / CHUNK;
        const float *x_scales = (const float *)(const void *)(x + STRIP * padded) + chunk * STRIP;
        clear_tiles();
        multiply_tiles(LAYOUT_TILES_OF_INT8, both, band->weights[0] + k, x + (int64_t)chunk * STRIP * CHUNK, strip_bytes,
                       CHUNK / 64, next);
        store_tiles(products);
        WRITTEN_TO(products);
        for (int half = 0; half < (both ? 2 : 1); half++) {
            __m512 scales = _mm512_loadu_ps(x_scales + half * strip_bytes / (int64_t)sizeof(float));
            for (int side = 0; side < 2; side++) {
                add_scaled_tile(products[2 * side + half], band->scales[k / CHUNK] + side * SIDE, scales, chunk == 0,
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

/* The rate at which all of the next pass is taken apart in the steps of this one. */
static int rate_of_steps(const struct pass *pass, const struct pass *next) {
    const int columns_of_step = pass->product->layout == LAYOUT_TILES_OF_BF16 ? RUN : 64;
    const int steps = (pass->x_count + BAND - 1) / BAND * ((pass->columns + columns_of_step - 1) / columns_of_step);
    return (next->rows * ((next->columns + CHUNK - 1) / CHUNK) * PARTS + steps - 1) / steps;
}

/*
 * Adds the products of a band's slice with all rows of x of the pass, and takes the next one apart meanwhile; at the end of
 * the columns, the results.
 */
static void multiply_band(const struct pass *pass, const struct band *band, struct workspace *work, struct taking *next) {
    const bool is_last = pass->from + pass->columns == pass->product->columns;
    const int patches = (pass->x_count + BAND - 1) / BAND;
    for (int n = 0; n < patches; n++) {
        float(*sums)[SIDE * SIDE] = work->sums[pass->first_row / BAND % (MOST_ROWS / BAND)][n];
        if (pass->product->layout == LAYOUT_TILES_OF_BF16) {
            patch_of_bf16(pass, band, n, sums, next);
        } else {
            patch_of_bytes(pass, band, n, sums, next);
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

INLINE int slice_of(const struct piece *piece) { return piece->x_count > FEW_X ? SLICE : WIDE_SLICE; }

/* Fits the pass into its piece where it begins. */
static void fit(struct pass *pass) {
    pass->x_count = smaller(MOST_X, pass->piece->x_count - pass->first_x);
    pass->rows = smaller(BAND, pass->piece->rows - pass->first_row);
    pass->columns = smaller(slice_of(pass->piece), pass->product->columns - pass->from);
}

/*
 * The pass after this one; false if this was the last. The order, from within: bands of MOST_ROWS rows, slices, such rows,
 * MOST_X rows of x.
 */
static bool advance(struct pass *pass) {
    const struct piece *piece = pass->piece;
    const int first = pass->first_row / MOST_ROWS * MOST_ROWS, end = smaller(first + MOST_ROWS, piece->rows);
    pass->first_row += BAND;
    if (pass->first_row >= end) {
        pass->first_row = first;
        pass->from += slice_of(piece);
    }
    if (pass->from >= pass->product->columns) {
        pass->first_row = end;
        pass->from = 0;
    }
    if (pass->first_row >= piece->rows) {
        pass->first_row = 0;
        pass->first_x += MOST_X;
    }
    fit(pass);
    return pass->x_count > 0;
}

static void multiply(const struct product *product, const struct piece *piece, uint8_t *scratch) {
    struct workspace *work = (struct workspace *)(void *)scratch;
    struct pass passes[2] = {{.product = product, .piece = piece}};
    if (piece->rows <= 0 || piece->x_count <= 0) {
        return;
    }
    _tile_loadconfig(&whole_tiles);
    fit(&passes[0]);
    struct taking first = {.pass = &passes[0], .band = &work->bands[0]};
    take_apart(&first, INT32_MAX);
    bool more = true;
    for (int i = 0; more; i ^= 1) {
        struct pass *pass = &passes[i], *after = &passes[i ^ 1];
        *after = *pass;
        more = advance(after);
        struct taking next = {.band = &work->bands[i ^ 1]};
        if (more) {
            next.pass = after;
            next.rate = rate_of_steps(pass, after);
        }
        WRITTEN();
        multiply_band(pass, &work->bands[i], work, &next);
        take_apart(&next, INT32_MAX); /* the rest */
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
