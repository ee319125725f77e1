/*
 * Compares the kernels of two instruction sets, FIRST and SECOND, on random weights, bit for bit: every type, with one
 * row of x and many, whole panels and parts of them; with activations of 8 bits and in F32; and attention, gating and weighted sums. Prints a digest of all
 * results, to be compared with that of another machine, and how many agree; exits with 1 if one does not.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "product.h"
#include "random_codebooks.h"
#include "rows.h"

extern const struct kernels FIRST;
extern const struct kernels SECOND;
#if defined(TILED)
extern const struct rounded_attention TILED; /* attention on tile registers, which are to agree as well */
#endif

static const struct kernels *const sets[2] = {&FIRST, &SECOND};

enum { COLUMNS = 768, WEIGHT_ROWS = 37, MOST_ROWS = 70 };

static const int types[] = {F32,  F16,  BF16, Q4_0, Q4_1, Q5_0,   Q5_1,   Q8_0,
                            Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4,
                            IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, TQ1_0, TQ2_0};

static uint64_t state = 88172645463325252u;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

/* Random bits everywhere, which is every code and scale; exponents that would be infinite are taken down. */
static void fill(uint8_t *bytes, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)next();
        if ((bytes[i] & 0x7c) == 0x7c) {
            bytes[i] &= 0xaf;
        }
    }
}

static uint32_t digest = 2166136261u;

/*
 * Whether two results are the same; the first joins the digest. Which not-a-number a machine makes is its own business.
 */
static int differ(const float *first, const float *second, int64_t count) {
    int different = 0;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits[2];
        memcpy(&bits[0], first + i, 4);
        memcpy(&bits[1], second + i, 4);
        for (int j = 0; j < 2; j++) {
            bits[j] = (bits[j] & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits[j];
        }
        digest = (digest ^ bits[0]) * 16777619u;
        different |= bits[0] != bits[1];
    }
    return different;
}

static float small(void) { return (float)((int)(next() % 20001) - 10000) / 3000.0f; }

static int compare(int type, int columns, int x_count, int rows) {
    int64_t row_bytes = (int64_t)columns / block_elements(type) * block_bytes(type);
    int64_t stride = row_stride(layout_of(type), columns);
    uint8_t *weight = malloc((size_t)(row_bytes * WEIGHT_ROWS + 64));
    uint8_t *x[2] = {aligned_alloc(64, (size_t)(stride * MOST_ROWS)), aligned_alloc(64, (size_t)(stride * MOST_ROWS))};
    uint8_t *scratch = aligned_alloc(64, SCRATCH_BYTES);
    float *out[2] = {calloc(MOST_ROWS * WEIGHT_ROWS, 4), calloc(MOST_ROWS * WEIGHT_ROWS, 4)};
    float *floats = malloc((size_t)columns * 4);
    memset(x[0], 0, (size_t)(stride * MOST_ROWS)); /* rows have gaps */
    memset(x[1], 0, (size_t)(stride * MOST_ROWS));
    fill(weight, row_bytes * WEIGHT_ROWS);
    for (int j = 0; j < x_count; j++) {
        for (int k = 0; k < columns; k++) {
            floats[k] = small();
        }
        for (int set = 0; set < 2; set++) {
            sets[set]->quantize(layout_of(type), floats, columns, x[set] + j * stride);
        }
    }
    int64_t used = layout_of(type) == LAYOUT_F32 ? 4 * columns : sums32_at(whole(columns, CHUNK)) + whole(columns, CHUNK) / 16;
    int different = 0;
    for (int j = 0; j < x_count; j++) {
        different += memcmp(x[0] + j * stride, x[1] + j * stride, (size_t)used) != 0;
    }
    for (int set = 0; set < 2; set++) {
        struct product product = {weight,      row_bytes, x[set], stride,  out[set],
                                  WEIGHT_ROWS, NULL,      type,   columns, layout_of(type)};
        struct piece piece = {1, rows, 1, NULL, NULL, x_count};
        sets[set]->multiply(&product, &piece, scratch);
    }
    different += differ(out[0], out[1], (int64_t)x_count * WEIGHT_ROWS);
    if (different) {
        printf("type %d, %d columns, %d rows of x, %d weight rows: results differ\n", type, columns, x_count, rows);
    }
    for (int set = 0; set < 2; set++) {
        free(x[set]);
        free(out[set]);
    }
    free(weight);
    free(scratch);
    free(floats);
    return different != 0;
}

/* Products in F32, whose rows must be those of each row of x by itself, too. */
static int compare_floats(int type, int columns, int x_count, int rows) {
    int64_t row_bytes = (int64_t)columns / block_elements(type) * block_bytes(type);
    int64_t stride = row_stride(LAYOUT_F32, columns);
    uint8_t *weight = malloc((size_t)(row_bytes * rows)), *scratch = aligned_alloc(64, SCRATCH_BYTES);
    uint8_t *x = aligned_alloc(64, (size_t)(stride * x_count));
    float *floats = malloc((size_t)columns * 4), *out[3];
    fill(weight, row_bytes * rows);
    for (int j = 0; j < x_count; j++) {
        for (int k = 0; k < columns; k++) {
            floats[k] = small();
        }
        FIRST.quantize(LAYOUT_F32, floats, columns, x + j * stride);
    }
    for (int i = 0; i < 3; i++) {
        out[i] = calloc((size_t)(x_count * rows), 4);
        for (int j = 0; j < (i < 2 ? 1 : x_count); j++) {
            struct product product = {weight, row_bytes, x + j * stride, stride, out[i] + j * rows, rows, NULL, type, columns, LAYOUT_F32};
            struct piece piece = {0, rows, 0, NULL, NULL, i < 2 ? x_count : 1};
            sets[i % 2]->multiply(&product, &piece, scratch);
        }
    }
    int different = differ(out[0], out[1], (int64_t)x_count * rows) | differ(out[0], out[2], (int64_t)x_count * rows);
    if (different) {
        printf("type %d in F32, %d columns, %d rows of x, %d weight rows: results differ\n", type, columns, x_count, rows);
    }
    for (int i = 0; i < 3; i++) {
        free(out[i]);
    }
    free(weight), free(scratch), free(x), free(floats);
    return different;
}

static int check_floats(int *cases) {
    /* Columns are made whole blocks: of types with none, also no whole lanes. Rows are more than wait for each other. */
    static const int columns[] = {256, 523, 800}, counts[] = {3, 5, 8, 9, 16, 131}, heights[] = {1, 18, 67};
    int failed = 0;
    for (unsigned t = 0; t < sizeof types / sizeof *types; t++) {
        const int elements = block_elements(types[t]);
        if (has_codebook(types[t]) || types[t] == TQ1_0) {
            continue; /* nobody decodes them in C */
        }
        for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++, ++*cases) {
            failed += compare_floats(types[t], columns[i % 3] / elements * elements, counts[i], heights[(i + i / 3) % 3]);
        }
    }
    return failed;
}

/* Places of a tile in F32, and of one with rounded operands; what the tests have room for. */
enum { PLACES = 48, ROUNDED_PLACES = 192, MOST_QUERIES = 72, MOST_STRIDE = 160 };

/* Two tiles of attention, so that the second meets a state. */
struct attention_case {
    int rows, heads, key_stride, value_stride, window;
    float cap;
};

static float queries[MOST_QUERIES * MOST_STRIDE], keys[2 * ROUNDED_PLACES * MOST_STRIDE],
    values[2 * ROUNDED_PLACES * MOST_STRIDE];

static void make_operands(void) {
    for (int i = 0; i < MOST_QUERIES * MOST_STRIDE; i++) {
        queries[i] = small();
    }
    for (int i = 0; i < 2 * ROUNDED_PLACES * MOST_STRIDE; i++) {
        keys[i] = small();
        values[i] = small();
    }
}

typedef void attender(const struct attention *attention);

/* Rows are stored as floats here: what else is decoded, and how, is shown elsewhere. */
static void load_floats(int type, const uint8_t *blocks, int64_t elements, float *out) {
    (void)type;
    memcpy(out, blocks, (size_t)elements * sizeof(float));
}

/* Runs it with queries as they are or rounded; the state and weighted values, of rounded ones the totals. */
static void attend(attender *kernel, const struct attention_case *c, const float *with, int places, bool rounded,
                   float *softmax, float *weighted) {
    static float scratch[ROUNDED_PLACES * 2 * 192 + 32 * (96 + 3 * ROUNDED_PLACES) + 8192], scores[MOST_QUERIES * PLACES];
    static int64_t key_rows[ROUNDED_PLACES], value_rows[ROUNDED_PLACES];
    static float states[4 * MOST_QUERIES], sums[2 * MOST_QUERIES * MOST_STRIDE];
    const int count = c->rows * c->heads, part = rounded ? count : 0;
    memset(scores, 0, sizeof scores); /* also of places that hold no key */
    for (int n = 0; n < 2 * count; n++) {
        states[2 * n] = -INFINITY;
        states[2 * n + 1] = 0;
    }
    for (int i = 0; i < 2 * count * c->value_stride; i++) {
        sums[i] = rounded ? NAN : 0; /* the first tile of a segment begins anew */
    }
    for (int tile = 0; tile < 2; tile++) {
        const int first = tile * places, position = 2 * places - 5 - c->rows, last = position + c->rows - first;
        const float *first_key = keys + first * c->key_stride, *first_value = values + first * c->value_stride;
        const bool whole = c->cap == 50; /* a tile is a segment, or half of one */
        const struct attention attention = {
            .queries = with, .keys = first_key, .values = first_value, .scores = scores, .softmax = states,
            .weighted = sums, .count = count, .heads = c->heads, .key_stride = c->key_stride,
            .value_stride = c->value_stride, .sum_stride = c->value_stride, .places = places, .first = first,
            .from = tile == 0 ? 3 : 0, .to = last < places ? last : places, .position = position, .window = c->window,
            .scale = 0.3f, .cap = c->cap, .key_rows = key_rows, .value_rows = value_rows, .key_type = F32,
            .value_type = F32, .key_width = c->key_stride, .value_width = c->value_stride, .decode = load_floats,
            .scratch = scratch, .begins = tile == 0 || whole, .ends = tile == 1 || whole,
        };
        for (int i = 0; i < places; i++) {
            key_rows[i] = (int64_t)(intptr_t)(first_key + i * c->key_stride);
            value_rows[i] = (int64_t)(intptr_t)(first_value + i * c->value_stride);
        }
        kernel(&attention);
    }
    memcpy(softmax, states + 2 * part, (size_t)count * 2 * sizeof(float));
    memcpy(weighted, sums + part * c->value_stride, (size_t)(count * c->value_stride) * sizeof(float));
}

static int compare_attention(const struct attention_case *c, bool rounded) {
    static float softmax[3][2 * MOST_QUERIES], weighted[3][MOST_QUERIES * MOST_STRIDE];
    static float rounded_queries[MOST_QUERIES * (MOST_STRIDE / 2 + 64)];
    const int count = c->rows * c->heads;
    int different = 0;
    make_operands();
    for (int set = 0; set < 2; set++) {
        if (rounded) {
            sets[set]->rounded.round_queries(queries, count, c->key_stride, rounded_queries);
            attend(sets[set]->rounded.attend, c, rounded_queries, ROUNDED_PLACES, true, softmax[set], weighted[set]);
        } else {
            attend(sets[set]->attend, c, queries, PLACES, false, softmax[set], weighted[set]);
        }
    }
    different = differ(softmax[0], softmax[1], 2 * count) | differ(weighted[0], weighted[1], (int64_t)count * c->value_stride);
#if defined(TILED)
    if (rounded) {
        TILED.round_queries(queries, count, c->key_stride, rounded_queries);
        attend(TILED.attend, c, rounded_queries, ROUNDED_PLACES, true, softmax[2], weighted[2]);
        const uint32_t before = digest;
        different |= differ(softmax[0], softmax[2], 2 * count) | differ(weighted[0], weighted[2], (int64_t)count * c->value_stride);
        digest = before; /* is that of machines without tiles, too */
    }
#endif
    return different;
}

/* Gating and a weighted sum of any count, with what is no number among them. */
static int compare_activations(int count, float limit) {
    static float gate[2][COLUMNS], up[COLUMNS], sum[2][COLUMNS];
    const struct gating gating = {1.702f, limit, 1};
    for (int i = 0; i < count; i++) {
        float g = 30 * small();
        gate[0][i] = gate[1][i] = i % 61 == 7 ? NAN : i % 59 == 8 ? INFINITY : i % 53 == 9 ? -INFINITY : g;
        up[i] = i % 47 == 5 ? NAN : small();
        sum[0][i] = sum[1][i] = small();
    }
    for (int set = 0; set < 2; set++) {
        sets[set]->gate(gate[set], up, count, &gating);
        sets[set]->add_scaled(sum[set], up, 0.37f, count);
    }
    return differ(gate[0], gate[1], count) | differ(sum[0], sum[1], count);
}

static int check_others(int *cases) {
    static const struct attention_case shapes[] = {
        {1, 1, 64, 64, 0, 0},   {1, 4, 128, 128, 0, 0}, {3, 3, 96, 64, 0, 0},   {4, 3, 64, 48, 11, 0},
        {2, 6, 160, 96, 40, 0}, {1, 12, 64, 64, 0, 30}, {4, 1, 32, 16, 7, 50},  {1, 5, 80, 80, 1, 0},
        {9, 8, 128, 128, 0, 0}, {33, 1, 64, 80, 70, 0}, {5, 7, 48, 160, 0, 50}, {8, 8, 160, 32, 200, 30},
    };
    int failed = 0;
    for (unsigned i = 0; i < 2 * sizeof shapes / sizeof *shapes; i++, ++*cases) {
        failed += compare_attention(&shapes[i / 2], i % 2);
    }
    for (int count = 1; count <= COLUMNS; count = 2 * count + 1, ++*cases) {
        failed += compare_activations(count, count % 2 ? INFINITY : 7) | compare_activations(count, 3);
    }
    return failed;
}

int main(void) {
    static const int counts[] = {1, 2, 3, 4, 7, MOST_ROWS}, heights[] = {1, 15, 16, WEIGHT_ROWS - 1};
    int cases = 0, failed = 0;
    fill_codebooks();
    for (unsigned t = 0; t < sizeof types / sizeof *types; t++) {
        for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (unsigned h = 0; h < sizeof heights / sizeof *heights; h++) {
                failed += compare(types[t], COLUMNS, counts[c], heights[h]);
                cases++;
                if (block_elements(types[t]) == 32) {
                    failed += compare(types[t], COLUMNS - 96, counts[c], heights[h]);
                    cases++;
                }
            }
        }
    }
    failed += check_others(&cases);
    failed += check_floats(&cases);
    printf("instruction sets agree: %d cases, %d equal; digest %08x\n", cases, cases - failed, (unsigned)digest);
    return failed != 0;
}
