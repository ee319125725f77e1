/*
 * A tile of attention whose products are of bytes on tile registers (AMX), to the same bits as rounded_attention.c.
 *
 * A short is 256 times a signed byte, its high one, and an unsigned byte, its low one. So a sum of products of shorts is
 * made of four sums of products of bytes, high and low ones of one factor with high and low ones of the other; these are
 * exact, and so is what they add up to.
 *
 * Sixteen queries, or their factors, are a left factor: rows of bytes. Sixteen keys, or columns of values, are a right one:
 * sixteen rows of four bytes of each. Bytes of 64 elements lie in the order in which they are cheaply taken apart: four
 * bytes are of elements i, i + 32, i + 16 and i + 48. Factors with high bytes come first, those with low ones are behind.
 */
#include "rounded_attention.h"
#include "tiles.h"

/* Rows of a tile, and elements of one of its rows. */
enum { SIDE = TILE_ROWS, STEP = TILE_ROW_BYTES };

/* Sums of products of a block of SIDE by SIDE: of high bytes, of low ones, and of both. */
struct sums {
    int32_t high[SIDE * SIDE], low[SIDE * SIDE], mixed[SIDE * SIDE];
};

/* The operands of a tile, in its scratch memory. */
struct tiled {
    int key_steps, value_steps;  /* of keys and queries; of places */
    int64_t query_pitch, factor_pitch; /* bytes between rows; low bytes are half of it behind */
    uint8_t *keys;               /* [places / SIDE][key_steps][2]: tiles of high and of low bytes */
    uint8_t *values;             /* [columns / SIDE][value_steps][2]: the same */
    uint8_t *queries;            /* [GROUP]: rows */
    uint8_t *factors;            /* [GROUP]: rows */
    struct sums *sums;           /* [2]: of the first SIDE queries of the group, and of the others */
    float *key_scales;           /* [places] */
    float *value_scales;         /* [places]; zero where there is none */
    float *scores;               /* [GROUP][places] */
    float *loaded;               /* [SIDE][stride of keys], [4][stride of values]: as they are loaded */
    const float *query_scales;   /* [GROUP] */
};

/* As round_queries leaves them: rows, then scales. */
INLINE int64_t query_bytes(int key_stride) { return 2 * whole(key_stride, STEP); }

static struct tiled operands(const struct attention *a) {
    struct tiled t;
    t.key_steps = (int)whole(a->key_stride, STEP) / STEP;
    t.value_steps = (int)whole(a->places, STEP) / STEP;
    t.query_pitch = 2 * t.key_steps * STEP;
    t.factor_pitch = 2 * t.value_steps * STEP;
    t.keys = (uint8_t *)(((uintptr_t)a->scratch + 63) / 64 * 64);
    t.values = t.keys + whole(a->places, SIDE) / SIDE * t.key_steps * 2 * TILE_BYTES;
    t.queries = t.values + whole(a->sum_stride, SIDE) / SIDE * t.value_steps * 2 * TILE_BYTES;
    t.factors = t.queries + GROUP * t.query_pitch;
    t.sums = (struct sums *)(void *)(t.factors + GROUP * t.factor_pitch);
    t.key_scales = (float *)(void *)(t.sums + 2);
    t.value_scales = t.key_scales + whole(a->places, SIDE);
    t.scores = t.value_scales + whole(a->places, SIDE);
    t.loaded = t.scores + GROUP * a->places;
    return t;
}

/* Bytes of 64 elements. */
struct bytes {
    __m512i high, low;
};

/* Of sixteen numbers after sixteen, each sixteen with a factor, as rounded8. */
INLINE __m512i rounded16(__m512 x, __m512 factor) {
    return _mm512_castps_si512(_mm512_fmadd_ps(x, factor, _mm512_set1_ps(12582912.0f)));
}

INLINE __m512i shorts_of_two(__m512i first, __m512i second) {
    const __m512i low_half = _mm512_set1_epi32(0xffff);
    return _mm512_ternarylogic_epi64(low_half, first, _mm512_slli_epi32(second, 16), 0xca); /* low_half ? first : second */
}

INLINE struct bytes bytes_of_four(__m512i a, __m512i b, __m512i c, __m512i d) {
    const __m512i low_byte = _mm512_set1_epi16(0xff), first = shorts_of_two(a, b), second = shorts_of_two(c, d);
    struct bytes bytes;
    bytes.high = _mm512_ternarylogic_epi64(low_byte, _mm512_srli_epi16(first, 8), second, 0xca);
    bytes.low = _mm512_ternarylogic_epi64(low_byte, first, _mm512_slli_epi16(second, 8), 0xca);
    return bytes;
}

/* The bytes of up to 64 elements of a row. */
INLINE struct bytes bytes_of_row(const float *row, int count, float factor) {
    const __m512 f = _mm512_set1_ps(factor);
    __m512i v[4];
    for (int i = 0; i < 4; i++) {
        v[i] = rounded16(_mm512_maskz_loadu_ps(lanes_below(count - 16 * i), row + 16 * i), f);
    }
    return bytes_of_four(v[0], v[1], v[2], v[3]);
}

static void round_queries(const float *queries, int32_t count, int32_t stride, float *rounded) {
    const int64_t pitch = query_bytes(stride);
    uint8_t *rows = (uint8_t *)rounded;
    float *scales = (float *)(void *)(rows + count * pitch);
    for (int n = 0; n < count; n++) {
        const float *row = queries + (int64_t)n * stride;
        float length = length_of(row, stride), factor = factor_of(length, LENGTH);
        for (int k = 0; k < stride; k += STEP) {
            struct bytes bytes = bytes_of_row(row + k, stride - k, factor);
            _mm512_storeu_si512(rows + n * pitch + k, bytes.high);
            _mm512_storeu_si512(rows + n * pitch + pitch / 2 + k, bytes.low);
        }
        scales[n] = length / LENGTH;
    }
}

/* Sixteen keys at a time: their bytes become columns. */
static void pack_keys(const struct attention *a, const struct tiled *t) {
    for (int first = a->from / SIDE * SIDE; first < a->to; first += SIDE) {
        const float *keys[SIDE];
        float factors[SIDE], lengths[SIDE];
        ask_ahead(a, first, SIDE);
        for (int i = 0; i < SIDE; i++) {
            load_key(a, first + i, t->loaded + i * a->key_stride);
            keys[i] = t->loaded + i * a->key_stride;
        }
        lengths_of_eight(keys, a->key_stride, lengths);
        lengths_of_eight(keys + 8, a->key_stride, lengths + 8);
        for (int i = 0; i < SIDE; i++) {
            factors[i] = factor_of(lengths[i], LENGTH);
            t->key_scales[first + i] = lengths[i] / LENGTH;
        }
        uint8_t *to = t->keys + (int64_t)(first / SIDE * t->key_steps) * 2 * TILE_BYTES;
        for (int k = 0; k < a->key_stride; k += STEP, to += 2 * TILE_BYTES) {
            __m512i high[SIDE], low[SIDE];
            for (int i = 0; i < SIDE; i++) {
                struct bytes bytes = bytes_of_row(keys[i] + k, a->key_stride - k, factors[i]);
                high[i] = bytes.high;
                low[i] = bytes.low;
            }
            transpose16(high);
            transpose16(low);
            for (int i = 0; i < SIDE; i++) {
                _mm512_storeu_si512(to + i * TILE_ROW_BYTES, high[i]);
                _mm512_storeu_si512(to + TILE_BYTES + i * TILE_ROW_BYTES, low[i]);
            }
        }
    }
}

/* Four values at a time, of places that lie apart by sixteen: their bytes lie together. */
static void pack_four_values(const struct attention *a, const struct tiled *t, int first, uint8_t *out) {
    __m512 factors[4];
    for (int q = 0; q < 4; q++) {
        const int place = first + SIDE * q;
        const bool is_there = place >= a->from && place < a->to;
        float *value = t->loaded + q * a->sum_stride;
        load_value(a, place, value);
        const float largest = is_there ? largest_magnitude(value, a->sum_stride) : 0;
        factors[q] = _mm512_set1_ps(factor_of(largest, LARGEST_VALUE));
        if (place < whole(a->places, SIDE)) {
            t->value_scales[place] = largest / LARGEST_VALUE;
        }
    }
    for (int c = 0; c < a->sum_stride; c += SIDE, out += t->value_steps * 2 * TILE_BYTES) {
        __m512i v[4];
        for (int q = 0; q < 4; q++) {
            v[q] = rounded16(_mm512_loadu_ps(t->loaded + q * a->sum_stride + c), factors[q]);
        }
        struct bytes bytes = bytes_of_four(v[0], v[1], v[2], v[3]);
        _mm512_storeu_si512(out, bytes.high);
        _mm512_storeu_si512(out + TILE_BYTES, bytes.low);
    }
}

static void pack_values(const struct attention *a, const struct tiled *t) {
    for (int first = a->from / STEP * STEP; first < a->to; first += STEP) {
        uint8_t *out = t->values + first / STEP * 2 * TILE_BYTES;
        for (int i = 0; i < SIDE; i++) {
            pack_four_values(a, t, first + i, out + i * TILE_ROW_BYTES);
        }
    }
}

/* Rows are where tiles can be loaded from fast. */
static void take_queries(const struct attention *a, struct tiled *t, const struct group *g) {
    const uint8_t *rows = (const uint8_t *)a->queries + g->first * t->query_pitch;
    memcpy(t->queries, rows, (size_t)(g->count * t->query_pitch));
    t->query_scales = (const float *)(const void *)((const uint8_t *)a->queries + a->count * t->query_pitch) + g->first;
}

/* Products of the rows of the group with right factors, and where they go. */
struct products {
    const uint8_t *rows;
    int64_t pitch;
    const uint8_t *tiles; /* of the first SIDE keys or columns */
    int64_t tiles_bytes;  /* of SIDE of them */
    int from, to;         /* of their tiles */
    float *out;
    int64_t stride;
    const float *row_factors;
    const float *others;  /* factors of keys, or of what is in out before */
};

/* Sums of half of the group that are to be finished: the next row, and how many there are. */
struct finishing {
    const int32_t *sums;
    float *out;
    const float *row_factors, *faded;
    __m512 column_factors;
    int count;
};

/* out = row factor * column factor * product, or out = row factor * product + what is left of it */
INLINE void finish_rows(const struct products *of, const bool adds, struct finishing *f, int count) {
    for (; count > 0 && f->count > 0; count--, f->count--, f->sums += SIDE, f->out += of->stride, f->row_factors++) {
        const __m512i high = _mm512_loadu_si512(f->sums), low = _mm512_loadu_si512(f->sums + SIDE * SIDE);
        const __m512i mixed = _mm512_loadu_si512(f->sums + 2 * SIDE * SIDE);
        const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(_mm512_slli_epi32(high, 16), low), _mm512_slli_epi32(mixed, 8));
        const __m512 product = _mm512_cvtepi32_ps(sum), factor = _mm512_set1_ps(*f->row_factors);
        if (adds) {
            const __m512 before = _mm512_mul_ps(_mm512_loadu_ps(f->out), _mm512_set1_ps(*f->faded++));
            _mm512_storeu_ps(f->out, _mm512_fmadd_ps(product, factor, before));
        } else {
            _mm512_storeu_ps(f->out, _mm512_mul_ps(_mm512_mul_ps(product, factor), f->column_factors));
        }
    }
}

INLINE void begin_finishing(const struct products *of, const bool adds, const struct tiled *t, const struct group *g,
                            struct finishing *f, int half, int at) {
    const int i = half * SIDE, left = g->count - i;
    f->sums = t->sums[half].high;
    f->out = of->out + i * of->stride + at;
    f->row_factors = of->row_factors + i;
    f->count = left < SIDE ? left : SIDE;
    if (adds) {
        f->faded = of->others + i;
    } else {
        f->column_factors = _mm512_loadu_ps(of->others + at);
    }
}

/*
 * Multiplies half of the rows, with sums in tiles h, l and m. In every step the processor, while tiles are multiplied,
 * stores sums of the other half and finishes some rows of those that were stored before: more than a step it does not
 * look ahead. Tiles 6 and 7 are the factors.
 */
#define MULTIPLY_HALF(h, l, m, other_h, other_l, other_m, rows, others) \
    do { \
        _tile_zero(h); \
        _tile_zero(l); \
        _tile_zero(m); \
        for (int k = of->from; k < of->to; k++) { \
            const uint8_t *left = (rows) + k * STEP, *right = tiles + 2 * k * TILE_BYTES; \
            _tile_loadd(6, left, of->pitch); \
            _tile_loadd(7, right, TILE_ROW_BYTES); \
            _tile_dpbssd(h, 6, 7); \
            if (k == of->from) { \
                _tile_stored(other_h, (others)->high, TILE_ROW_BYTES); \
                _tile_stored(other_l, (others)->low, TILE_ROW_BYTES); \
            } \
            finish_rows(of, adds, &f, share); \
            _tile_loadd(7, right + TILE_BYTES, TILE_ROW_BYTES); \
            _tile_dpbsud(m, 6, 7); \
            if (k == of->from) { \
                _tile_stored(other_m, (others)->mixed, TILE_ROW_BYTES); \
            } \
            finish_rows(of, adds, &f, share); \
            _tile_loadd(6, left + of->pitch / 2, of->pitch); \
            _tile_dpbuud(l, 6, 7); \
            finish_rows(of, adds, &f, share); \
            _tile_loadd(7, right, TILE_ROW_BYTES); \
            _tile_dpbusd(m, 6, 7); \
            finish_rows(of, adds, &f, share); \
        } \
        WRITTEN(); \
    } while (0)

/* Products with keys or columns [first, end), SIDE after SIDE. */
INLINE void multiply_group(const struct products *of, const bool adds, const struct tiled *t, const struct group *g,
                           int first, int end) {
    const int share = (SIDE + 4 * (of->to - of->from) - 1) / (4 * (of->to - of->from));
    const uint8_t *others = of->rows + SIDE * of->pitch, *tiles = of->tiles + first / SIDE * of->tiles_bytes;
    struct finishing f = {.count = 0};
    int at = first;
    for (; at < end; at += SIDE, tiles += of->tiles_bytes) {
        if (at > first) {
            begin_finishing(of, adds, t, g, &f, 0, at - SIDE);
        }
        MULTIPLY_HALF(0, 1, 2, 3, 4, 5, of->rows, t->sums + 1);
        if (at > first) {
            begin_finishing(of, adds, t, g, &f, 1, at - SIDE);
        }
        MULTIPLY_HALF(3, 4, 5, 0, 1, 2, others, t->sums);
    }
    _tile_stored(3, t->sums[1].high, TILE_ROW_BYTES);
    _tile_stored(4, t->sums[1].low, TILE_ROW_BYTES);
    _tile_stored(5, t->sums[1].mixed, TILE_ROW_BYTES);
    WRITTEN();
    for (int half = 0; half < 2; half++) {
        begin_finishing(of, adds, t, g, &f, half, at - SIDE);
        finish_rows(of, adds, &f, SIDE);
    }
}

/* scores = scale * query . key */
static void score(const struct attention *a, const struct tiled *t, const struct group *g) {
    float scales[GROUP];
    const struct products of = {t->queries, t->query_pitch, t->keys, t->key_steps * 2 * TILE_BYTES, 0, t->key_steps,
                                g->scores, a->places, scales, t->key_scales};
    for (int i = 0; i < g->count; i++) {
        scales[i] = t->query_scales[i] * a->scale;
    }
    multiply_group(&of, false, t, g, g->from / SIDE * SIDE, g->to);
}

/* Factors of the group's queries at all places that any of them sees, in whole steps. */
static void round_factors(const struct attention *a, const struct tiled *t, const struct group *g) {
    for (int i = 0; i < g->count; i++) {
        const int from = g->lowest[i] / 16 * 16, to = (int)whole(g->end[i], 16);
        const __m512 factor = _mm512_set1_ps(factor_of(g->units[i], 1));
        const float *scores = g->scores + i * a->places;
        uint8_t *row = t->factors + i * t->factor_pitch;
        for (int k = g->from / STEP * STEP; k < g->to; k += STEP) {
            __m512i v[4];
            for (int q = 0; q < 4; q++) {
                const int at = k + 16 * q;
                v[q] = at >= from && at < to ? rounded16(_mm512_loadu_ps(scores + at), factor) : _mm512_setzero_si512();
            }
            struct bytes bytes = bytes_of_four(v[0], v[1], v[2], v[3]);
            _mm512_storeu_si512(row + k, bytes.high);
            _mm512_storeu_si512(row + t->factor_pitch / 2 + k, bytes.low);
        }
    }
}

/* weighted = what is left of it + factor * value */
static void weigh(const struct attention *a, const struct tiled *t, const struct group *g) {
    const struct products of = {t->factors, t->factor_pitch, t->values, t->value_steps * 2 * TILE_BYTES, g->from / STEP,
                                (int)whole(g->to, STEP) / STEP, a->weighted + (int64_t)g->first * a->sum_stride,
                                a->sum_stride, g->units, g->faded};
    multiply_group(&of, true, t, g, 0, a->sum_stride);
}

static void attend(const struct attention *a) {
    struct tiled t = operands(a);
    struct group g = {.scores = t.scores};
    pack_keys(a, &t);
    pack_values(a, &t);
    _tile_loadconfig(&whole_tiles);
    EACH_GROUP(a, &g, {
        take_queries(a, &t, &g);
        WRITTEN();
        score(a, &t, &g);
        soften_scores(a, &g, t.value_scales);
        round_factors(a, &t, &g);
        WRITTEN();
        weigh(a, &t, &g);
    })
    _tile_release();
}

extern const struct rounded_attention NAME(tiled_attention);
const struct rounded_attention NAME(tiled_attention) = {round_queries, attend};
