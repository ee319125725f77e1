/*
 * Compares products on tiles with sums in double, of every type and of awkward shapes, and demands that a result depends
 * on its two rows only. What is read or written ends at a page that must not be touched. Prints the errors by type;
 * exits with 1 if one is too large.
 */
#define _GNU_SOURCE /* mmap */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(TILE_PERMISSION)
#include <sys/syscall.h>
#endif

#include "product.h"
#include "random_codebooks.h"
#include "rows.h"

extern const struct kernels kernels_avx2;
extern const struct tile_kernels tiles_amx;
extern const struct tile_kernels tiles_of_halves_amx;

static const struct tile_kernels *tiles_for(int layout) {
    return layout == LAYOUT_TILES_OF_HALVES ? &tiles_of_halves_amx : &tiles_amx;
}

enum { MOST_ROWS = 1100, MOST_WEIGHTS = 300 };

static const int types[] = {Q4_0, Q4_1,   Q5_0,   Q5_1,  Q8_0, Q2_K,  Q3_K,   Q4_K,    Q5_K,
                            Q6_K, IQ4_NL, IQ4_XS, MXFP4, BF16, F16,   IQ1_M, IQ2_XS, IQ3_XXS, TQ1_0};

/* Weight rows of a matrix, how many of them are multiplied, from which on; columns; rows of x. */
static const struct shape {
    int first, rows, columns, x_count;
} shapes[] = {
    {0, 1, 256, 1},    {3, 16, 256, 3},    {1, 17, 512, 9},    {0, 32, 768, 16},  {5, 33, 768, 17},
    {2, 31, 1024, 31}, {0, 48, 2048, 32},  {7, 47, 768, 33},   {0, 128, 256, 47}, {1, 129, 512, 64},
    {0, 64, 256, 70},  {0, 127, 256, 129}, {4, 160, 512, 200}, {0, 40, 256, 530}, {0, 130, 512, 513},
    {1, 33, 4608, 20}, {0, 290, 768, 135}, {0, 33, 4352, 130},
};

static uint64_t state = 88172645463325252u;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static float normal(void) {
    double u = (next() + 1.0) / 4294967297.0, v = next() / 4294967296.0;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

/* Memory that ends where a page begins that nobody may touch. */
struct guarded {
    uint8_t *start, *page;
    size_t bytes;
};

static struct guarded guard(int64_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole_pages = ((size_t)bytes + page - 1) / page * page;
    uint8_t *all = mmap(NULL, whole_pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + whole_pages, page, PROT_NONE)) {
        perror("mmap");
        exit(1);
    }
    return (struct guarded){all + whole_pages - bytes, all, whole_pages + page};
}

static void drop(struct guarded memory) { munmap(memory.page, memory.bytes); }

/* A scale of about 1/50 as F16. */
static void put_scale(uint8_t *p) {
    uint16_t bits = (uint16_t)(0x2400 + next() % 0x400);
    memcpy(p, &bits, 2);
}

/* Random codes, and scales of one size. */
static void fill(int type, uint8_t *bytes, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)next();
    }
    int size = block_bytes(type);
    for (int64_t i = 0; i + size <= count; i += size) {
        uint8_t *p = bytes + i;
        switch (type) {
        case MXFP4: p[0] = (uint8_t)(120 + next() % 3); break;
        case Q2_K: put_scale(p + 80), put_scale(p + 82); break;
        case Q3_K: put_scale(p + 108); break;
        case Q6_K: put_scale(p + 208); break;
        case TQ1_0:
            /* Values are the scale itself: one that needs no rounding, or all of a block may go the other way. */
            put_scale(p + 52);
            p[52] &= 0xf8;
            break;
        case IQ1_M:
            /* 1/64, its highest four bits in the last of four shorts. */
            for (int j = 0; j < 4; j++) {
                p[49 + 2 * j] = (uint8_t)((p[49 + 2 * j] & 15) | (j == 3 ? 0x20 : 0));
            }
            break;
        case Q4_1: case Q5_1: case Q4_K: case Q5_K: put_scale(p), put_scale(p + 2); break;
        case F16: {
            uint16_t bits = (uint16_t)(0x2c00 | (next() & 0x93ff)); /* of either sign, about 1/16 and more */
            memcpy(p, &bits, 2);
            break;
        }
        case BF16: {
            float x = normal();
            memcpy(p, (uint8_t *)&x + 2, 2);
            break;
        }
        default: put_scale(p); break;
        }
    }
}

/* What weights stand for: their products with the rows of a unit matrix, by kernels that are tested elsewhere. */
static void values_of(int type, const uint8_t *weight, int64_t row_bytes, int rows, int columns, float *values) {
    int64_t stride = row_stride(layout_of(type), columns);
    uint8_t *x = aligned_alloc(64, (size_t)stride), *scratch = aligned_alloc(64, SCRATCH_BYTES);
    float *unit = calloc((size_t)columns, 4), *out = malloc((size_t)rows * 4);
    memset(x, 0, (size_t)stride);
    for (int k = 0; k < columns; k++) {
        unit[k] = 1;
        kernels_avx2.quantize(layout_of(type), unit, columns, x);
        unit[k] = 0;
        struct product product = {weight, row_bytes, x, stride, out, rows, NULL, type, columns, layout_of(type)};
        struct piece piece = {0, rows, 0, NULL, NULL, 1};
        kernels_avx2.multiply(&product, &piece, scratch);
        for (int n = 0; n < rows; n++) {
            values[(int64_t)n * columns + k] = out[n];
        }
    }
    free(x), free(scratch), free(unit), free(out);
}

/* To nearest, as the processor does. */
static double brain(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, 4);
    return x;
}

struct errors {
    double largest, squares;
    double of_rounded, of_rounded_squares; /* against the product of factors in bfloat16 */
    int64_t count;
};

struct trial {
    int type, layout;
    struct shape shape;
    int total; /* weight rows */
    struct guarded weight, x, out, bias;
    float *values, *rows; /* of weights, of x */
    int32_t *which, *places;
    int64_t row_bytes, x_stride, out_stride;
};

static void multiply(const struct trial *t, int x_first, int x_count, int first, int rows, uint8_t *scratch) {
    struct product product = {t->weight.start, t->row_bytes,           t->x.start,
                              t->x_stride,     (float *)(void *)t->out.start, t->out_stride,
                              (const float *)(const void *)t->bias.start, t->type, t->shape.columns, t->layout};
    int32_t *x_rows = malloc((size_t)x_count * 4), *out_rows = malloc((size_t)x_count * 4);
    for (int j = 0; j < x_count; j++) {
        x_rows[j] = 16 + x_first + j;
        out_rows[j] = t->places[x_first + j];
    }
    struct piece piece = {t->shape.first + first, rows, 2 + first, x_rows, out_rows, x_count};
    memset(scratch, 0xff, (size_t)tiles_for(t->layout)->scratch_bytes); /* NaN: what was there before must not matter */
    tiles_for(t->layout)->multiply(&product, &piece, scratch);
    free(x_rows), free(out_rows);
}

/* A strip of zeros comes first, so that a piece begins behind it; rows are gathered, results scattered. */
static void set_up(struct trial *t, int type, int layout, struct shape s) {
    *t = (struct trial){.type = type, .layout = layout, .shape = s, .total = s.first + s.rows};
    t->row_bytes = (int64_t)s.columns / block_elements(type) * block_bytes(type);
    t->weight = guard(t->row_bytes * t->total);
    fill(type, t->weight.start, t->row_bytes * t->total);
    t->values = malloc((size_t)t->total * (size_t)s.columns * 4);
    values_of(type, t->weight.start, t->row_bytes, t->total, s.columns, t->values);
    struct guarded rows = guard((int64_t)s.x_count * s.columns * 4);
    t->rows = (float *)(void *)rows.start;
    for (int64_t i = 0; i < (int64_t)s.x_count * s.columns; i++) {
        t->rows[i] = normal();
    }
    t->x_stride = row_stride(layout, s.columns);
    int strips = (s.x_count + 15) / 16 + 1;
    t->x = guard(16 * strips * t->x_stride);
    memset(t->x.start, 0xff, (size_t)(16 * strips * t->x_stride));
    t->which = malloc((size_t)strips * 16 * 4);
    t->places = malloc((size_t)s.x_count * 4);
    for (int i = 0; i < 16 * strips; i++) {
        t->which[i] = i < 16 || i >= 16 + s.x_count ? -1 : (i - 16) * 7 % s.x_count;
    }
    for (int i = 0; i < s.x_count; i++) {
        t->places[i] = s.x_count - 1 - i;
    }
    for (int n = 0; n < strips; n++) {
        int count = s.x_count + 16 - 16 * n < 16 ? s.x_count + 16 - 16 * n : 16;
        tiles_for(layout)->pack(layout, t->rows, s.columns, t->which + 16 * n, count, s.columns, t->x.start + 16 * n * t->x_stride);
    }
    t->out_stride = s.rows + 3;
    t->out = guard(t->out_stride * s.x_count * 4);
    t->bias = guard(t->total * 4);
    for (int i = 0; i < t->total; i++) {
        float b = normal();
        memcpy(t->bias.start + 4 * i, &b, 4);
    }
}

static void tear_down(struct trial *t) {
    drop(t->weight), drop(t->x), drop(t->out), drop(t->bias);
    free(t->values), free(t->which), free(t->places);
}

static int check(const struct trial *t, struct errors *errors) {
    const struct shape s = t->shape;
    const float *out = (const float *)(const void *)t->out.start, *bias = (const float *)(const void *)t->bias.start;
    int wrong = 0;
    for (int j = 0; j < s.x_count; j++) {
        const float *x = t->rows + (int64_t)t->which[16 + j] * s.columns;
        const float *row = out + t->places[j] * t->out_stride;
        uint32_t around[3];
        memcpy(around, row, 8), memcpy(around + 2, row + s.rows + 2, 4);
        wrong += around[0] != 0xabababab || around[1] != 0xabababab || around[2] != 0xabababab;
        for (int n = 0; n < s.rows; n++) {
            const float *w = t->values + (int64_t)(s.first + n) * s.columns;
            double sum = 0, rounded = 0, xx = 0, ww = 0;
            for (int k = 0; k < s.columns; k++) {
                sum += (double)w[k] * x[k];
                rounded += brain(w[k]) * brain(x[k]);
                xx += (double)x[k] * x[k];
                ww += (double)w[k] * w[k];
            }
            double scale = sqrt(xx * ww / s.columns), got = (double)row[2 + n] - bias[s.first + n];
            double error = fabs(got - sum) / scale, of_rounded = fabs(got - rounded) / scale;
            errors->largest = error > errors->largest || error != error ? error : errors->largest;
            errors->squares += error * error;
            errors->of_rounded = of_rounded > errors->of_rounded ? of_rounded : errors->of_rounded;
            errors->of_rounded_squares += of_rounded * of_rounded;
            errors->count++;
        }
    }
    return wrong;
}

/* Parts of the same product: some rows of x, some weight rows. */
static int differs_in_parts(const struct trial *t, uint8_t *scratch) {
    const struct shape s = t->shape;
    size_t bytes = (size_t)(t->out_stride * s.x_count) * 4;
    uint8_t *whole_result = malloc(bytes);
    memcpy(whole_result, t->out.start, bytes);
    for (int j = 0; j < s.x_count; j += 32) {
        int count = s.x_count - j < 32 ? s.x_count - j : 32, half = s.rows / 2;
        if (half) {
            multiply(t, j, count, 0, half, scratch);
        }
        multiply(t, j, count, half, s.rows - half, scratch);
    }
    int differs = memcmp(whole_result, t->out.start, bytes) != 0;
    free(whole_result);
    return differs;
}

static int run(int type, int layout, double most, double most_rms, uint8_t *scratch, int *cases) {
    struct errors errors = {0};
    int wrong = 0;
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct shape s = shapes[i];
        /* Blocks of 32 need not fill a chunk, nor single numbers a run. */
        s.columns += block_elements(type) == 32 ? 32 * (int)(i % 8) : block_elements(type) == 1 ? (int)i * 13 : 0;
        struct trial t;
        set_up(&t, type, layout, s);
        memset(t.out.start, 0xab, (size_t)(t.out_stride * s.x_count) * 4);
        multiply(&t, 0, s.x_count, 0, s.rows, scratch);
        int here = check(&t, &errors) + differs_in_parts(&t, scratch);
        if (here) {
            printf("type %d, rows %d+%d, %d columns, %d rows of x: %d wrong\n", type, s.first, s.rows, s.columns,
                   s.x_count, here);
        }
        wrong += here;
        tear_down(&t);
        ++*cases;
    }
    double rms = sqrt(errors.squares / (double)errors.count);
    double of_rounded_rms = sqrt(errors.of_rounded_squares / (double)errors.count);
    /* Not nothing, since a weight that lies between two of bfloat16 may be rounded up here and down there. */
    bool rounded_as_said = layout != LAYOUT_TILES_OF_BF16 || (errors.of_rounded <= 1e-2 && of_rounded_rms <= 5e-4);
    bool good = !wrong && errors.largest <= most && rms <= most_rms && rounded_as_said;
    printf("%s type %2d: error %.2e, root mean square %.2e",
           layout == LAYOUT_TILES_OF_BF16 ? "bf16" : layout == LAYOUT_TILES_OF_INT8 ? "int8" : "halves", type,
           errors.largest, rms);
    if (layout == LAYOUT_TILES_OF_BF16) {
        printf("; of rounded factors %.2e, %.2e", errors.of_rounded, of_rounded_rms);
    }
    printf("%s\n", good ? "" : ": TOO MUCH");
    return !good;
}

/* Arguments: types; none: all. */
int main(int count, char **arguments) {
#if defined(TILE_PERMISSION)
    if (syscall(SYS_arch_prctl, 0x1023, 18)) {
        perror("arch_prctl(ARCH_REQ_XCOMP_PERM)");
        return 77;
    }
#endif
    setvbuf(stdout, NULL, _IOLBF, 0);
    const int64_t most =
        tiles_amx.scratch_bytes > tiles_of_halves_amx.scratch_bytes ? tiles_amx.scratch_bytes : tiles_of_halves_amx.scratch_bytes;
    uint8_t *scratch = aligned_alloc(64, (size_t)whole(most, 64));
    int cases = 0, failed = 0;
    fill_codebooks();
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        bool wanted = count == 1;
        for (int a = 1; a < count; a++) {
            wanted |= atoi(arguments[a]) == types[i];
        }
        if (!wanted) {
            continue;
        }
        if (types[i] == F16) {
            /* As good as sums in F32. */
            failed += run(F16, LAYOUT_TILES_OF_HALVES, 3e-5, 1e-5, scratch, &cases);
            continue;
        }
        failed += run(types[i], LAYOUT_TILES_OF_BF16, 2e-2, 4e-3, scratch, &cases);
        if (types[i] != BF16) {
            failed += run(types[i], LAYOUT_TILES_OF_INT8, 6e-2, 1.2e-2, scratch, &cases);
        }
    }
    free(scratch);
    printf("tiles: %d cases, %d types failed\n", cases, failed);
    return failed != 0;
}
