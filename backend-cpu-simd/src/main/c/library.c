/*
 * What the Java side calls. Kernels are compiled once for each instruction set; `set` says which. A set that was not
 * compiled, or that the machine lacks, must not be asked for: juggler_compiled() and juggler_features() tell.
 */
#define _GNU_SOURCE /* syscall */

#include "codebook_vectors.h"
#include "loops.h"
#include "product.h"
#include "rows.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define EXPORT __attribute__((visibility("default")))

/* Numbers of instruction sets, and of a feature of one; NativeLibrary.java has the same. */
enum set { AVX2 = 0, AVX512 = 1, AMX = 2, NEON = 3, SETS = 4, DOT_PRODUCTS = 4 };

#if defined(JUGGLER_AVX2)
extern const struct kernels kernels_avx2;
extern const struct loops loops_avx2;
#endif
#if defined(JUGGLER_AVX512)
extern const struct kernels kernels_avx512;
extern const struct loops loops_avx512;
#endif
#if defined(JUGGLER_AVX512) && defined(JUGGLER_AMX)
#define WITH_AMX
extern const struct tile_kernels tiles_amx;
extern const struct tile_kernels tiles_of_halves_amx;
extern const struct rounded_attention tiled_attention_amx;
#endif

#if defined(JUGGLER_NEON)
extern const struct kernels kernels_neon;
extern const struct loops loops_neon;
#endif
#if defined(JUGGLER_DOTPROD)
extern const struct kernels kernels_dotprod;
#endif

static const struct kernels *kernels_of[SETS] = {
#if defined(JUGGLER_AVX2)
    [AVX2] = &kernels_avx2,
#endif
#if defined(JUGGLER_AVX512)
    [AVX512] = &kernels_avx512,
#endif
#if defined(WITH_AMX)
    [AMX] = &kernels_avx512, /* for few rows, and for whatever is no product */
#endif
#if defined(JUGGLER_NEON)
    [NEON] = &kernels_neon, /* until juggler_features finds that the processor has dot products */
#endif
};

/* As kernels_of. The dot products of NEON are of integers, so they change nothing here. */
static const struct loops *const loops_of[SETS] = {
#if defined(JUGGLER_AVX2)
    [AVX2] = &loops_avx2,
#endif
#if defined(JUGGLER_AVX512)
    [AVX512] = &loops_avx512,
#endif
#if defined(WITH_AMX)
    [AMX] = &loops_avx512,
#endif
#if defined(JUGGLER_NEON)
    [NEON] = &loops_neon,
#endif
};

static const struct tile_kernels *const tiles_of[SETS] = {
#if defined(WITH_AMX)
    [AMX] = &tiles_amx,
#endif
};

static const struct tile_kernels *const tiles_of_halves_of[SETS] = {
#if defined(WITH_AMX)
    [AMX] = &tiles_of_halves_amx,
#endif
};

/* Fewer queries do not fill the tiles. Results are the same. */
enum { FEW_QUERIES = 16 };

static const struct rounded_attention *rounded_attention_for(int32_t set, int32_t queries) {
#if defined(WITH_AMX)
    if (set == AMX && queries > FEW_QUERIES) {
        return &tiled_attention_amx;
    }
#endif
    (void)queries;
    return &kernels_of[set]->rounded;
}

static const struct tile_kernels *tiles_for(int32_t set, int32_t layout) {
    return layout == LAYOUT_TILES_OF_HALVES ? tiles_of_halves_of[set] : tiles_of[set];
}

EXPORT int64_t juggler_ask(int64_t question, int64_t a, int64_t b);
EXPORT void juggler_work(int64_t task, int64_t set, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f,
                         int64_t g, int64_t h, int64_t i, int64_t j, int64_t k, int64_t l);

/* Behind these two. */
int32_t juggler_interface(void);
void juggler_codebooks(const uint8_t *vectors);
int32_t juggler_compiled(void);
int32_t juggler_features(void);
int32_t juggler_scratch_bytes(int32_t set);
int64_t juggler_row_stride(int32_t layout, int64_t columns);
void juggler_quantize(int32_t set, int32_t layout, const float *x, int64_t x_stride, const int32_t *which,
                      int32_t rows, int64_t columns, uint8_t *out, int64_t out_stride);
void juggler_multiply(int32_t set, const struct product *product, int64_t first, int32_t rows,
                      int32_t out_column, const int32_t *x_rows, const int32_t *out_rows, int32_t x_count,
                      uint8_t *scratch);
void juggler_multiply_gated(int32_t set, const struct product *gate, const struct product *up, int64_t first,
                            int32_t rows, int32_t out_column, const int32_t *x_rows, const int32_t *out_rows,
                            int32_t x_count, float alpha, float limit, float shift, uint8_t *scratch);
void juggler_combine(int32_t set, float *out, const float *y, int64_t y_stride, const float *shares,
                     const int32_t *ids, int32_t used, int64_t columns);

/* With arrays: each has a shape of its own. */
EXPORT void juggler_round_queries(int32_t set, const float *queries, int32_t count, int32_t stride, float *rounded);
EXPORT void juggler_attend(int32_t set, const float *queries, const float *keys, const float *values, float *scores,
                           float *softmax, float *weighted, int32_t count, int32_t heads, int32_t key_stride,
                           int32_t value_stride, int32_t sum_stride, int32_t places, int32_t first, int32_t from,
                           int32_t to, int32_t position, int32_t window, float scale, float cap);
EXPORT void juggler_attend_rounded(int32_t set, const float *queries, const int64_t *key_rows,
                                   const int64_t *value_rows, float *softmax, float *weighted, float *scratch,
                                   int32_t count, int32_t heads, int32_t key_type, int32_t value_type,
                                   int32_t key_width, int32_t value_width, int32_t places, int32_t first,
                                   int32_t from, int32_t to, int32_t position, int32_t window, int32_t part,
                                   float scale, float cap);
EXPORT void juggler_dots(int32_t set, const float *w, int32_t w_at, int32_t stride, int32_t rows, const float *x,
                         int32_t first, int32_t second, int32_t length, float *sums, int32_t sums_at);
EXPORT void juggler_add_weighted(int32_t set, const float *factors, int32_t factors_at, int32_t count,
                                 const float *rows, int32_t rows_at, int32_t stride, float *sums, int32_t sums_at,
                                 int32_t width);
EXPORT void juggler_exponentials(int32_t set, float *values, int32_t at, int32_t count, float minus);
EXPORT void juggler_gate(int32_t set, float *gate, int32_t gate_at, const float *up, int32_t up_at, int32_t count,
                         float alpha, float limit, float shift);
EXPORT void juggler_decode(int32_t set, int32_t type, const uint8_t *blocks, int32_t elements, float *out, int32_t at);
EXPORT void juggler_decode_rows(int32_t set, int32_t type, const int64_t *rows, int32_t first, int32_t end,
                                int32_t elements, float *out, int32_t stride);

/* Counts up when entries or structures change; the Java side refuses another one. */
int32_t juggler_interface(void) { return 10; }

struct codebooks codebooks;

/* Takes over the vectors of all codebooks, in the order of struct codebooks. Called once, before any product. */
void juggler_codebooks(const uint8_t *vectors) {
    uint8_t *iq1 = (uint8_t *)codebooks.iq1;
    memcpy(&codebooks, vectors, sizeof codebooks);
    for (size_t i = 0; i < sizeof codebooks.iq1; i++) {
        iq1[i] = (uint8_t)(8 * iq1[i]);
    }
}

/* The sets that this library holds, a bit for each. */
int32_t juggler_compiled(void) {
    int32_t found = 0;
    for (int set = 0; set < SETS; set++) {
        found |= kernels_of[set] ? 1 << set : 0;
    }
    return found;
}

#if defined(__x86_64__)
/* Registers whose content the operating system keeps: bits of XCR0. */
static uint64_t kept_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Tile registers are for those who ask (Linux 5.16; Documentation/arch/x86/xstate.rst). */
static int tiles_granted(void) {
#if defined(__linux__)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return 0;
#endif
}
#endif

#if defined(__aarch64__)
/* Whether the processor multiplies bytes and adds four products in one instruction (from ARMv8.2 on, where it is there). */
INLINE int has_dot_products(void) {
#if defined(__ARM_FEATURE_DOTPROD)
    return 1; /* all machines of this platform have them */
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
    return 0;
#endif
}
#endif

/*
 * The sets that the processor has and the operating system lets us use, a bit for each; and sixteen bits higher those
 * that the processor has but the operating system withholds. Asks for the tile registers and chooses among the kernels of
 * a set, so it is called once, before any product.
 */
int32_t juggler_features(void) {
    int32_t found = 0;
#if defined(__x86_64__)
    enum { OSXSAVE = 1 << 27, F16C = 1 << 29, FMA = 1 << 12 };
    enum { AVX_STATE = 0x6, AVX512_STATE = 0xe6, TILE_STATE = 0x60000 };
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE) || !(c & F16C) || !(c & FMA)) {
        return 0;
    }
    uint64_t kept = kept_registers();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        return 0;
    }
    int avx2 = (b >> 5 & 1) && (kept & AVX_STATE) == AVX_STATE;
    /* F, DQ, BW, VL and VNNI. */
    int has_avx512 = (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1) && (c >> 11 & 1);
    int avx512 = avx2 && has_avx512 && (kept & AVX512_STATE) == AVX512_STATE;
    /* BF16, TILE and INT8; AVX-512 for bfloat16 is in the next leaf. */
    int has_amx = has_avx512 && (d >> 22 & 1) && (d >> 24 & 1) && (d >> 25 & 1) &&
                  __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
    int amx = avx512 && has_amx && (kept & TILE_STATE) == TILE_STATE && tiles_granted();
    found = avx2 << AVX2 | avx512 << AVX512 | amx << AMX;
    found |= ((has_avx512 && !avx512) << AVX512 | (has_amx && !amx) << AMX) << 16;
#elif defined(__aarch64__)
    found = 1 << NEON; /* all of them have it */
#if defined(JUGGLER_DOTPROD)
    if (has_dot_products()) {
        kernels_of[NEON] = &kernels_dotprod;
        found |= 1 << DOT_PRODUCTS;
    }
#endif
#endif
    return found;
}

/* Bytes of scratch memory that a worker brings along. */
int32_t juggler_scratch_bytes(int32_t set) {
    int32_t most = SCRATCH_BYTES;
    for (int i = 0; i < 2; i++) {
        const struct tile_kernels *tiles = i ? tiles_of_halves_of[set] : tiles_of[set];
        most = tiles && tiles->scratch_bytes > most ? tiles->scratch_bytes : most;
    }
    return most;
}

/* Bytes between rows of activations. */
int64_t juggler_row_stride(int32_t layout, int64_t columns) { return row_stride(layout, columns); }

/*
 * Brings rows of floats, x_stride floats apart, into a layout; whole strips of them, but for the last one. `which` says
 * which rows, a negative number standing for one of zeros in layouts of tiles; null: in order.
 */
void juggler_quantize(int32_t set, int32_t layout, const float *x, int64_t x_stride, const int32_t *which,
                      int32_t rows, int64_t columns, uint8_t *out, int64_t out_stride) {
    if (is_tiled(layout)) {
        for (int32_t i = 0; i < rows; i += STRIP) {
            tiles_for(set, layout)->pack(layout, which ? x : x + i * x_stride, x_stride, which ? which + i : NULL,
                                rows - i < STRIP ? rows - i : STRIP, columns, out + i * out_stride);
        }
        return;
    }
    for (int32_t i = 0; i < rows; i++) {
        kernels_of[set]->quantize(layout, x + (which ? which[i] : i) * x_stride, columns, out + i * out_stride);
    }
}

static void multiply(int32_t set, const struct product *product, const struct piece *piece, uint8_t *scratch) {
    if (is_tiled(product->layout)) {
        tiles_for(set, product->layout)->multiply(product, piece, scratch);
    } else {
        kernels_of[set]->multiply(product, piece, scratch);
    }
}

void juggler_multiply(int32_t set, const struct product *product, int64_t first, int32_t rows, int32_t out_column,
                      const int32_t *x_rows, const int32_t *out_rows, int32_t x_count, uint8_t *scratch) {
    const struct piece piece = {first, rows, out_column, x_rows, out_rows, x_count};
    multiply(set, product, &piece, scratch);
}

/* gate->out = act(x * gate) * (x * up); up->out holds what it likes afterwards. */
void juggler_multiply_gated(int32_t set, const struct product *gate, const struct product *up, int64_t first,
                            int32_t rows, int32_t out_column, const int32_t *x_rows, const int32_t *out_rows,
                            int32_t x_count, float alpha, float limit, float shift, uint8_t *scratch) {
    const struct piece piece = {first, rows, out_column, x_rows, out_rows, x_count};
    const struct gating gating = {alpha, limit, shift};
    multiply(set, gate, &piece, scratch);
    multiply(set, up, &piece, scratch);
    for (int32_t j = 0; j < x_count; j++) {
        int64_t row = out_rows ? out_rows[j] : j;
        kernels_of[set]->gate(gate->out + row * gate->out_stride + out_column,
                              up->out + row * up->out_stride + out_column, rows, &gating);
    }
}

/* out = the sum of shares[j] * y[j] over the rows whose id is not negative. */
void juggler_combine(int32_t set, float *out, const float *y, int64_t y_stride, const float *shares,
                     const int32_t *ids, int32_t used, int64_t columns) {
    memset(out, 0, (size_t)columns * sizeof(float));
    for (int32_t j = 0; j < used; j++) {
        if (ids[j] >= 0) {
            kernels_of[set]->add_scaled(out, y + j * y_stride, shares[j], columns);
        }
    }
}

/* Queries [count][stride] for a rounded tile, see struct rounded_attention. */
void juggler_round_queries(int32_t set, const float *queries, int32_t count, int32_t stride, float *rounded) {
    rounded_attention_for(set, count)->round_queries(queries, count, stride, rounded);
}

/* Takes a tile of positions into the state of some queries, see struct attention. */
void juggler_attend(int32_t set, const float *queries, const float *keys, const float *values, float *scores,
                    float *softmax, float *weighted, int32_t count, int32_t heads, int32_t key_stride,
                    int32_t value_stride, int32_t sum_stride, int32_t places, int32_t first, int32_t from, int32_t to,
                    int32_t position, int32_t window, float scale, float cap) {
    kernels_of[set]->attend(&(struct attention){
        .queries = queries, .keys = keys, .values = values, .scores = scores, .softmax = softmax, .weighted = weighted,
        .count = count, .heads = heads, .key_stride = key_stride, .value_stride = value_stride,
        .sum_stride = sum_stride, .places = places, .first = first, .from = from, .to = to, .position = position,
        .window = window, .scale = scale, .cap = cap,
    });
}

/* Parts of a segment that a tile is, in bits; NativeKernels.java has the same. */
enum { BEGINS = 1, ENDS = 2 };

/* The same of rows as they are stored, with operands that are rounded. */
void juggler_attend_rounded(int32_t set, const float *queries, const int64_t *key_rows, const int64_t *value_rows,
                            float *softmax, float *weighted, float *scratch, int32_t count, int32_t heads,
                            int32_t key_type, int32_t value_type, int32_t key_width, int32_t value_width,
                            int32_t places, int32_t first, int32_t from, int32_t to, int32_t position, int32_t window,
                            int32_t part, float scale, float cap) {
    rounded_attention_for(set, count)->attend(&(struct attention){
        .queries = queries, .softmax = softmax, .weighted = weighted, .count = count, .heads = heads,
        .key_stride = (int32_t)whole(key_width, LANES), .sum_stride = (int32_t)whole(value_width, LANES),
        .places = places, .first = first, .from = from, .to = to, .position = position, .window = window,
        .scale = scale, .cap = cap, .key_rows = key_rows, .value_rows = value_rows, .key_type = key_type, .value_type = value_type,
        .key_width = key_width, .value_width = value_width, .decode = loops_of[set]->decode, .scratch = scratch,
        .begins = part & BEGINS, .ends = part & ENDS,
    });
}

/* The loops of loops.h, which Java calls with arrays; where in each to begin is counted in floats. */

void juggler_dots(int32_t set, const float *w, int32_t w_at, int32_t stride, int32_t rows, const float *x,
                  int32_t first, int32_t second, int32_t length, float *sums, int32_t sums_at) {
    loops_of[set]->dots(w + w_at, stride, rows, x + first, second < 0 ? NULL : x + second, length, sums + sums_at);
}

void juggler_add_weighted(int32_t set, const float *factors, int32_t factors_at, int32_t count, const float *rows,
                          int32_t rows_at, int32_t stride, float *sums, int32_t sums_at, int32_t width) {
    loops_of[set]->add_weighted(factors + factors_at, count, rows + rows_at, stride, sums + sums_at, width);
}

void juggler_exponentials(int32_t set, float *values, int32_t at, int32_t count, float minus) {
    loops_of[set]->exponentials(values + at, count, minus);
}

void juggler_gate(int32_t set, float *gate, int32_t gate_at, const float *up, int32_t up_at, int32_t count,
                  float alpha, float limit, float shift) {
    const struct gating gating = {alpha, limit, shift};
    kernels_of[set]->gate(gate + gate_at, up + up_at, count, &gating);
}

void juggler_decode(int32_t set, int32_t type, const uint8_t *blocks, int32_t elements, float *out, int32_t at) {
    loops_of[set]->decode(type, blocks, elements, out + at);
}

/*
 * Rows of whole blocks, whose addresses are numbers; row i goes to out + i * stride, filled up with zeros. Rows of one head
 * are short and lie apart, so that no machine reads them ahead by itself.
 */
void juggler_decode_rows(int32_t set, int32_t type, const int64_t *rows, int32_t first, int32_t end, int32_t elements,
                         float *out, int32_t stride) {
    enum { AHEAD = 8, LINE = 64 };
    const int64_t bytes = elements / block_elements(type) * block_bytes(type);
    for (int64_t i = first; i < end; i++) {
        for (int64_t at = 0; at < bytes && i + AHEAD < end; at += LINE) {
            __builtin_prefetch((const uint8_t *)(intptr_t)rows[i + AHEAD] + at);
        }
        loops_of[set]->decode(type, (const uint8_t *)(intptr_t)rows[i], elements, out + i * stride);
        memset(out + i * stride + elements, 0, (size_t)(stride - elements) * sizeof(float));
    }
}

/*
 * What Java calls while it starts. For each shape of a call it makes a dozen classes, which is a hundredth of a second, so
 * all questions have one shape and all work has another: whole numbers of 64 bits, which are addresses, too.
 */

enum question { INTERFACE, CODEBOOKS, COMPILED, FEATURES, WORKER_BYTES, STRIDE };
enum task { QUANTIZE, MULTIPLY, MULTIPLY_GATED, COMBINE };

static void *address(int64_t number) { return (void *)(intptr_t)number; }

/* A float whose bits are the low half. */
static float real(int64_t number) {
    const uint32_t bits = (uint32_t)number;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The answer to a question: the function of that name. */
int64_t juggler_ask(int64_t question, int64_t a, int64_t b) {
    switch ((enum question)question) {
    case INTERFACE:
        return juggler_interface();
    case CODEBOOKS:
        juggler_codebooks(address(a));
        return 0;
    case COMPILED:
        return juggler_compiled();
    case FEATURES:
        return juggler_features();
    case WORKER_BYTES:
        return juggler_scratch_bytes((int32_t)a);
    case STRIDE:
        return juggler_row_stride((int32_t)a, b);
    }
    return -1;
}

/* Does one of the tasks: the function of that name, with its arguments in their order. */
void juggler_work(int64_t task, int64_t set, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g,
                  int64_t h, int64_t i, int64_t j, int64_t k, int64_t l) {
    const int32_t s = (int32_t)set;
    switch ((enum task)task) {
    case QUANTIZE:
        juggler_quantize(s, (int32_t)a, address(b), c, address(d), (int32_t)e, f, address(g), h);
        return;
    case MULTIPLY:
        juggler_multiply(s, address(a), b, (int32_t)c, (int32_t)d, address(e), address(f), (int32_t)g, address(h));
        return;
    case MULTIPLY_GATED:
        juggler_multiply_gated(s, address(a), address(b), c, (int32_t)d, (int32_t)e, address(f), address(g), (int32_t)h,
                               real(i), real(j), real(k), address(l));
        return;
    case COMBINE:
        juggler_combine(s, address(a), address(b), c, address(d), address(e), (int32_t)f, g);
        return;
    }
}
