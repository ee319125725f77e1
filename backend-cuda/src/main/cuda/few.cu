/* Kernels for few rows of activations; see few.cuh for how they work. */
#include "few.cuh"

/* Which matrix of a stack a row of the result takes; negative: none. */
__device__ __forceinline__ int matrix_of_row(const int *ids, int64 row, int matrices) {
    return ids != nullptr ? ids[row] : (int)(row % matrices);
}

/* Writes the sums of a warp: lane 0 for each row of the weight and of x. */
template <int WEIGHTS, int ROWS>
__device__ __forceinline__ void store_sums(float (&sums)[WEIGHTS][ROWS], float *out, int64 row, int rows, int first, int n) {
#pragma unroll
    for (int w = 0; w < WEIGHTS; w++) {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const float sum = warp_sum(sums[w][r]);
            if (lane_of_thread() == 0 && first + w < n && row + r < rows) {
                out[(row + r) * n + first + w] = sum;
            }
        }
    }
}

/* A weight and its product; those of the same rows with several weights of a type are one launch. */
struct WeightOfBlock {
    float *out;
    const byte *weight;
    int n, block; /* rows of the weight; which eight of them */

    /* Goes on to the next weight where the block is beyond this one. */
    __device__ __forceinline__ void pass(float *next_out, const void *next_weight, int next_n) {
        const int blocks = (n + 2 * FEW_WARPS - 1) / (2 * FEW_WARPS);
        if (block >= blocks) {
            *this = {next_out, (const byte *)next_weight, next_n, block - blocks};
        }
    }
};

/*
 * out row r = row r / share of x · matrix ids[r] (or r % matrices); a row of zeros where the id is negative. Two rows of
 * the weight for a warp. grid = (sum of ceil(n / 8), ceil(rows / ROWS)), block = 128.
 */
template <class Format, int ROWS>
__device__ __forceinline__ void multiply_few(const WeightOfBlock &of_block, const void *x, const int *ids, int rows, int k,
                                             int share, int matrices, int64 matrix_bytes) {
    float *out = of_block.out;
    const byte *weight = of_block.weight;
    const int n = of_block.n, first = (of_block.block * FEW_WARPS + warp_of_thread()) * 2;
    const int64 bytes = row_bytes(Format::TYPE, k);
    if (first >= n) {
        return;
    }
    for (int64 row = (int64)blockIdx.y * ROWS; row < rows; row += (int64)gridDim.y * ROWS) {
        float sums[2][ROWS] = {};
        const int matrix = matrix_of_row(ids, row, matrices);
        if (matrix >= 0) {
            const byte *start = weight + matrix * matrix_bytes;
            const byte *const weights[2] = {start + first * bytes, start + min(first + 1, n - 1) * bytes};
            const int last_row = (int)min((int64)ROWS - 1, rows - 1 - row);
            Dot<Format, 2, ROWS>::add(sums, weights, x, row / share, last_row, k);
        }
        store_sums(sums, out, row, rows, first, n);
    }
}

/* Blocks of a multiprocessor: a warp has to wait for memory less, the more others there are; eight rows need registers. */
#define FEW_BLOCKS(rows_at_once) ((rows_at_once) == 8 ? 3 : 4)
#define MULTIPLY_FEW(format, rows_at_once)                                                                         \
    extern "C" __global__ void __launch_bounds__(FEW_BLOCK, FEW_BLOCKS(rows_at_once))                             \
        multiply_few_##format##_##rows_at_once(                                                                    \
        float *out, const void *weight, const void *x, const int *ids, int rows, int n, int k, int share,          \
        int matrices, int64 matrix_bytes, float *second_out, const void *second, int second_n, float *third_out,   \
        const void *third, int third_n) {                                                                          \
        WeightOfBlock of_block = {out, (const byte *)weight, n, (int)blockIdx.x};                                  \
        of_block.pass(second_out, second, second_n);                                                               \
        of_block.pass(third_out, third, third_n);                                                                  \
        multiply_few<format, rows_at_once>(of_block, x, ids, rows, k, share, matrices, matrix_bytes);              \
    }                                                                                                              \
    EXPORT_KERNEL(multiply_few_##format##_##rows_at_once)
#define MULTIPLY_FEW_1(format) MULTIPLY_FEW(format, 1)
#define MULTIPLY_FEW_4(format) MULTIPLY_FEW(format, 4)
#define MULTIPLY_FEW_8(format) MULTIPLY_FEW(format, 8)
/* Rare types: row by row, and from more rows on by tensor cores; every kernel costs a second of compiling. */
EACH_QUANTIZED(MULTIPLY_FEW_1)
EACH_FREQUENT(MULTIPLY_FEW_4)
EACH_FREQUENT(MULTIPLY_FEW_8)
EACH_PLAIN(MULTIPLY_FEW_1)
EACH_PLAIN(MULTIPLY_FEW_4)

/* As multiply_few with one row at once, F32 rows of x and any type. grid = (ceil(n / 8), rows), block = 128. */
extern "C" __global__ void multiply_few_float(float *out, const void *weight, const void *x, const int *ids, int rows,
                                              int n, int k, int share, int matrices, int64 matrix_bytes, int type) {
    const int first = (blockIdx.x * FEW_WARPS + warp_of_thread()) * 2;
    const int64 bytes = row_bytes(type, k);
    for (int64 row = blockIdx.y; row < rows && first < n; row += gridDim.y) {
        float sums[2][1] = {};
        const int matrix = matrix_of_row(ids, row, matrices);
        if (matrix >= 0) {
            const byte *start = (const byte *)weight + matrix * matrix_bytes;
            const byte *const weights[2] = {start + first * bytes, start + min(first + 1, n - 1) * bytes};
            ExactDot<2>::add(sums, weights, (const float *)x + row / share * k, k, type);
        }
        store_sums(sums, out, row, rows, first, n);
    }
}
EXPORT_KERNEL(multiply_few_float)

/*
 * The first half of a feed forward network: out[r, i] = act(gate row i · x) * (up row i · x), of expert ids[r] or, where
 * ids is null, of the only one. A warp for an i: its two rows share x. grid = (ceil(n / 4), rows), block = 128.
 */
template <class Format>
__device__ __forceinline__ void gated_few(float *out, const byte *gate, const byte *up, const void *x, const int *ids,
                                          const float *gate_bias, const float *up_bias, int rows, int n, int k,
                                          int share, int64 matrix_bytes, int kind, float alpha, float limit) {
    const int i = blockIdx.x * FEW_WARPS + warp_of_thread();
    const int64 bytes = row_bytes(Format::TYPE, k);
    for (int64 row = blockIdx.y; row < rows && i < n; row += gridDim.y) {
        const int expert = ids != nullptr ? ids[row] : 0;
        float sums[2][1] = {};
        if (expert >= 0) {
            const int64 at = expert * matrix_bytes + i * bytes;
            const byte *const weights[2] = {gate + at, up + at};
            Dot<Format, 2, 1>::add(sums, weights, x, row / share, 0, k);
        }
        float gate_sum = warp_sum(sums[0][0]), up_sum = warp_sum(sums[1][0]);
        if (lane_of_thread() == 0) {
            if (expert >= 0 && gate_bias != nullptr) {
                gate_sum += gate_bias[(int64)expert * n + i];
            }
            if (expert >= 0 && up_bias != nullptr) {
                up_sum += up_bias[(int64)expert * n + i];
            }
            out[row * n + i] = expert >= 0 ? gated(gate_sum, up_sum, kind, alpha, limit) : 0.0f;
        }
    }
}

#define GATED_FEW(format)                                                                                            \
    extern "C" __global__ void __launch_bounds__(FEW_BLOCK, 4) gated_few_##format(                                      \
        float *out, const void *gate, const void *up, const void *x, const int *ids, const float *gate_bias,         \
        const float *up_bias, int rows, int n, int k, int share, int64 matrix_bytes, int kind, float alpha,          \
        float limit) {                                                                                               \
        gated_few<format>(out, (const byte *)gate, (const byte *)up, x, ids, gate_bias, up_bias, rows, n, k, share,  \
                          matrix_bytes, kind, alpha, limit);                                                         \
    }                                                                                                                \
    EXPORT_KERNEL(gated_few_##format)
EACH_QUANTIZED(GATED_FEW)
EACH_PLAIN(GATED_FEW)

/* The experts of a row with their weights in the sum: choices [first, first + used), each with a row of x. */
struct Choices {
    const int *ids;
    const float *weights;
    int64 first;
    int used;
};

/*
 * This lane's part of the sum over choices of weight * (row of the expert's matrix · row of x). `rows` is the row of
 * expert 0. The lanes share out the pieces of all experts together, since those of one may be fewer than lanes.
 */
template <class Format>
__device__ __forceinline__ float sum_choices(const byte *rows, const void *x, const Choices &choices, int k,
                                             int64 matrix_bytes) {
    const int pieces = Dot<Format, 1, 1>::pieces(k);
    const int64 row_elements = row_of_x<Format>(k);
    float total = 0.0f;
#pragma unroll 2
    for (int item = lane_of_thread(); item < choices.used * pieces; item += LANES) {
        const int64 choice = choices.first + item / pieces;
        const int expert = choices.ids[choice];
        if (expert >= 0) {
            float sums[1][1] = {};
            const byte *const start[1] = {rows + expert * matrix_bytes};
            Dot<Format, 1, 1>::add_piece(sums, start, x, choice, 0, row_elements, item % pieces);
            total += choices.weights[choice] * sums[0][0];
        }
    }
    return total;
}

/* The same for blocks that go through shared memory: the chunks of one expert's row after those of another's. */
template <class Format>
__device__ __forceinline__ float sum_choices_staged(const byte *rows, const void *x, const Choices &choices, int k,
                                                    int64 matrix_bytes) {
    typedef Dot<Format, 1, 1> RowDot;
    __shared__ uint4 stages[FEW_WARPS][RowDot::STAGES][RowDot::LINES];
    uint4(&own)[RowDot::STAGES][RowDot::LINES] = stages[warp_of_thread()];
    const int pieces = RowDot::pieces(k), chunks = (pieces + LANES - 1) / LANES, steps = choices.used * chunks;
    const int64 row_elements = row_of_x<Format>(k), bytes = row_bytes(Format::TYPE, k);
    float total = 0.0f;
    for (int step = 1 - RowDot::STAGES; step < steps; step++) {
        const int ahead = step + RowDot::STAGES - 1;
        const int next = ahead < steps ? choices.ids[choices.first + ahead / chunks] : -1;
        if (next >= 0) {
            RowDot::copy_chunk(own[ahead % RowDot::STAGES], rows + next * matrix_bytes, bytes, ahead % chunks);
        }
        copy_async_commit();
        if (step >= 0) {
            copy_async_wait<RowDot::STAGES - 1>();
            __syncwarp();
            const int64 choice = choices.first + step / chunks;
            const int expert = choices.ids[choice], from = step % chunks * LANES, piece = from + lane_of_thread();
            if (expert >= 0 && piece < pieces) {
                const byte *start = rows + expert * matrix_bytes + (int64)(step % chunks) * RowDot::CHUNK_BYTES;
                const byte *const copy[1] = {(const byte *)own[step % RowDot::STAGES] + ((unsigned long long)start & 15)};
                float sums[1][1] = {};
                RowDot::add_piece(sums, copy, x, choice, 0, row_elements, piece, from);
                total += choices.weights[choice] * sums[0][0];
            }
            __syncwarp();
        }
    }
    return total;
}

/*
 * The second half, with the weighted sum over a row's experts: out[r, i] = sum over j of weights[r, j] * (row i of expert
 * ids[r, j] · x row r * used + j + bias). A warp for an i. grid = (ceil(n / 4), rows), block = 128.
 */
template <class Format>
__device__ __forceinline__ void down_few(float *out, const byte *down, const void *x, const int *ids,
                                         const float *weights, const float *bias, int rows, int used, int n, int k,
                                         int64 matrix_bytes) {
    const int i = blockIdx.x * FEW_WARPS + warp_of_thread();
    const byte *first = down + i * row_bytes(Format::TYPE, k);
    for (int64 row = blockIdx.y; row < rows && i < n; row += gridDim.y) {
        const Choices choices = {ids, weights, row * used, used};
        float total;
        if constexpr (Format::BYTES % 16 == 0 || Format::BYTES <= 4) {
            total = sum_choices<Format>(first, x, choices, k, matrix_bytes);
        } else {
            total = sum_choices_staged<Format>(first, x, choices, k, matrix_bytes);
        }
        total = warp_sum(total);
        if (lane_of_thread() == 0) {
            for (int64 choice = row * used; bias != nullptr && choice < (row + 1) * used; choice++) {
                const int expert = ids[choice];
                total += expert >= 0 ? weights[choice] * bias[(int64)expert * n + i] : 0.0f;
            }
            out[row * n + i] = total;
        }
    }
}

#define DOWN_FEW(format)                                                                                         \
    extern "C" __global__ void __launch_bounds__(FEW_BLOCK, 4) down_few_##format(                                   \
        float *out, const void *down, const void *x, const int *ids, const float *weights, const float *bias,    \
        int rows, int used, int n, int k, int64 matrix_bytes) {                                                  \
        down_few<format>(out, (const byte *)down, x, ids, weights, bias, rows, used, n, k, matrix_bytes);        \
    }                                                                                                            \
    EXPORT_KERNEL(down_few_##format)
EACH_QUANTIZED(DOWN_FEW)
EACH_PLAIN(DOWN_FEW)
