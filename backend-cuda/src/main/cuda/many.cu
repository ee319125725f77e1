/*
 * Products with many rows on tensor cores: f16 in, F32 sums. Weights are read in their blocks and become halves on their
 * way to shared memory, so that a weight costs its stored bytes; rows of x come from halve_rows.
 *
 * A block of 256 threads computes TM rows by TN columns of the result, its eight warps 2 x 4 parts of it. TN * STEP is
 * 4096 elements of the weight: a segment of sixteen for each thread. Two buffers: while the tensor cores multiply one
 * step, x of the next is on its way (cp.async), and the weights of the next are read and taken apart.
 *   TM 128, TN 128, STEP 32: a warp has 64 x 32, 16 multiplications of 16 x 8 x 16 for 6 loads of fragments.
 *   TM 32, TN 64, STEP 64: for few rows, as an expert has them, where more rows would be multiplied in vain.
 * Rows of shared memory are 16 bytes longer than the step: the eight rows of a fragment then lie in different banks.
 */
#include "many.cuh"

enum { MANY_BLOCK = 256 };

/* Segment i of a row as sixteen halves. */
template <class Format>
struct Halves {
    static __device__ __forceinline__ void load(const byte *row, int i, int k, unsigned (&words)[8]) {
        float values[16];
        Decoder<Format>::decode(row, i, k, values);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            words[j] = floats_to_halves(values[2 * j], values[2 * j + 1]);
        }
    }
};

/* F16 stays what it is. (BF16 loses nothing but what is below 2^-24: its fraction is shorter, and weights are small.) */
template <>
struct Halves<f16> {
    static __device__ __forceinline__ void load(const byte *row, int i, int k, unsigned (&words)[8]) {
        const byte *p = row + 32ll * i;
        if (16 * i + 16 <= k && ((unsigned long long)p & 15) == 0) {
            const uint4 a = ((const uint4 *)p)[0], b = ((const uint4 *)p)[1];
            const unsigned quads[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
#pragma unroll
            for (int j = 0; j < 8; j++) {
                words[j] = quads[j];
            }
            return;
        }
#pragma unroll
        for (int j = 0; j < 8; j++) {
            const int at = 16 * i + 2 * j;
            const unsigned low = at < k ? f16::bits(p + 4 * j) : 0, high = at + 1 < k ? f16::bits(p + 4 * j + 2) : 0;
            words[j] = low | high << 16;
        }
    }
};

template <int TM, int TN, int STEP>
struct HalfTiles {
    enum { ROW = STEP + 8 };
    __align__(16) unsigned short x[2][TM][ROW];
    __align__(16) unsigned short w[2][TN][ROW];
    int64 x_rows[TM]; /* where they begin */
};

template <int TM, int TN, int STEP>
__device__ __forceinline__ void copy_x(HalfTiles<TM, TN, STEP> &tiles, const unsigned short *x, int buffer, int from) {
    const int chunks = STEP / 8; /* of sixteen bytes in a row */
    for (int i = threadIdx.x; i < TM * chunks; i += MANY_BLOCK) {
        const int row = i / chunks, chunk = i % chunks;
        copy_async_16(&tiles.x[buffer][row][8 * chunk], x + tiles.x_rows[row] + from + 8 * chunk);
    }
    copy_async_commit();
}

/* This thread's segment of the step: row threadIdx.x % TN of the tile. Zeros beyond the weight. */
template <class Format, int TN>
__device__ __forceinline__ void load_segment(const byte *matrix, int64 bytes, int column, int n, int k, int from,
                                             unsigned (&words)[8]) {
    const int row = column + threadIdx.x % TN, segment = from / 16 + threadIdx.x / TN;
#pragma unroll
    for (int j = 0; j < 8; j++) {
        words[j] = 0;
    }
    if (row < n && 16 * segment < k) {
        Halves<Format>::load(matrix + row * bytes, segment, k, words);
    }
}

template <int TM, int TN, int STEP>
__device__ __forceinline__ void store_segment(HalfTiles<TM, TN, STEP> &tiles, int buffer, const unsigned (&words)[8]) {
    uint4 *to = (uint4 *)&tiles.w[buffer][threadIdx.x % TN][threadIdx.x / TN * 16];
    to[0] = {words[0], words[1], words[2], words[3]};
    to[1] = {words[4], words[5], words[6], words[7]};
}

/* One step: this warp's TM / 2 rows by TN / 4 columns. */
template <int TM, int TN, int STEP>
__device__ __forceinline__ void multiply_step(const HalfTiles<TM, TN, STEP> &tiles, int buffer,
                                              float (&sums)[TM / 32][TN / 32][4]) {
    const int lane = lane_of_thread(), row = warp_of_thread() / 4 * (TM / 2), column = warp_of_thread() % 4 * (TN / 4);
#pragma unroll
    for (int step = 0; step < STEP; step += 16) {
        unsigned b[TN / 32][2];
#pragma unroll
        for (int j = 0; j < TN / 32; j += 2) { /* matrices: columns 0 to 7 and 8 to 15, each with both halves of 16 steps */
            unsigned pair[4];
            load_matrices(pair, &tiles.w[buffer][column + 8 * j + lane / 16 * 8 + lane % 8][step + lane / 8 % 2 * 8]);
            b[j][0] = pair[0];
            b[j][1] = pair[1];
            b[j + 1][0] = pair[2];
            b[j + 1][1] = pair[3];
        }
#pragma unroll
        for (int i = 0; i < TM / 32; i++) {
            unsigned a[4]; /* rows 0 to 7 and 8 to 15 of the first eight steps, then of the others */
            load_matrices(a, &tiles.x[buffer][row + 16 * i + lane % 16][step + lane / 16 * 8]);
#pragma unroll
            for (int j = 0; j < TN / 32; j++) {
                multiply_halves(sums[i][j], a, b[j]);
            }
        }
    }
}

template <int TM, int TN>
__device__ __forceinline__ void store_tile(float *out, const float *factors, const RowsOfTile &rows, int column, int n,
                                           const float (&sums)[TM / 32][TN / 32][4]) {
    const int lane = lane_of_thread();
#pragma unroll
    for (int i = 0; i < TM / 32; i++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = warp_of_thread() / 4 * (TM / 2) + 16 * i + 8 * half + lane / 4;
            if (row < rows.count) {
                float *to = out + rows.out_row(row) * n;
                const float factor = rows.matrix >= 0 ? factors[rows.x_row(row)] : 0.0f;
#pragma unroll
                for (int j = 0; j < TN / 32; j++) {
                    const int at = column + warp_of_thread() % 4 * (TN / 4) + 8 * j + lane % 4 * 2;
#pragma unroll
                    for (int l = 0; l < 2; l++) {
                        if (at + l < n) {
                            to[at + l] = rows.matrix >= 0 ? sums[i][j][2 * half + l] * factor : 0.0f;
                        }
                    }
                }
            }
        }
    }
}

template <class Format, int TM, int TN, int STEP>
__device__ __forceinline__ void multiply_half_tile(HalfTiles<TM, TN, STEP> &tiles, float *out, const byte *weight,
                                                   const unsigned short *x, const float *factors, const RowsOfTile &rows,
                                                   int n, int k, int64 matrix_bytes) {
    const int64 padded = whole(k, 64), bytes = row_bytes(Format::TYPE, k);
    const int column = blockIdx.x * TN;
    float sums[TM / 32][TN / 32][4] = {};
    if (rows.matrix >= 0) {
        const byte *matrix = weight + rows.matrix * matrix_bytes;
        unsigned words[8];
        __syncthreads(); /* the tile before is done */
        for (int i = threadIdx.x; i < TM; i += MANY_BLOCK) {
            /* Rows beyond the tile are computed like the first and not stored. */
            tiles.x_rows[i] = rows.x_row(i < rows.count ? i : 0) * padded;
        }
        __syncthreads();
        copy_x(tiles, x, 0, 0);
        load_segment<Format, TN>(matrix, bytes, column, n, k, 0, words);
        store_segment(tiles, 0, words);
        for (int from = 0, buffer = 0; from < k; from += STEP, buffer ^= 1) {
            copy_async_wait<0>();
            __syncthreads(); /* this step is there, and nobody reads the other buffer any more */
            const bool has_next = from + STEP < k;
            if (has_next) {
                copy_x(tiles, x, buffer ^ 1, from + STEP);
                load_segment<Format, TN>(matrix, bytes, column, n, k, from + STEP, words);
            }
            multiply_step(tiles, buffer, sums);
            if (has_next) {
                store_segment(tiles, buffer ^ 1, words);
            }
        }
    }
    store_tile<TM, TN>(out, factors, rows, column, n, sums);
}

/*
 * out row r = x row r / share · its matrix. halves: what halve_rows makes of rows / share rows. grid = (ceil(n / TN),
 * ceil(rows / matrices / TM), matrices), or with tiles of TM choices (ceil(n / TN), tiles, 1); block = 256.
 */
template <class Format, int TM, int TN, int STEP>
__device__ __forceinline__ void multiply_many(float *out, const byte *weight, const unsigned short *halves,
                                              const int *order, const int *tiles, int rows, int n, int k, int share,
                                              int matrices, int64 matrix_bytes) {
    __shared__ HalfTiles<TM, TN, STEP> shared;
    const float *factors = (const float *)(halves + rows / share * whole(k, 64));
    const int count = tiles_of_matrix(tiles, rows, matrices, TM);
    for (int matrix = blockIdx.z; matrix < matrices; matrix += gridDim.z) {
        for (int tile = blockIdx.y; tile < count; tile += gridDim.y) {
            const RowsOfTile of_tile = rows_of_tile(order, tiles, tile, matrix, rows, matrices, share, TM);
            if (of_tile.count > 0) {
                multiply_half_tile<Format>(shared, out, weight, halves, factors, of_tile, n, k, matrix_bytes);
            }
        }
    }
}

#define MULTIPLY_MANY(format, TM, TN, STEP)                                                                              \
    extern "C" __global__ void __launch_bounds__(MANY_BLOCK) multiply_many_##format##_##TM(                              \
        float *out, const void *weight, const void *halves, const int *order, const int *tiles, int rows, int n, int k,  \
        int share, int matrices, int64 matrix_bytes) {                                                                   \
        multiply_many<format, TM, TN, STEP>(out, (const byte *)weight, (const unsigned short *)halves, order, tiles,     \
                                            rows, n, k, share, matrices, matrix_bytes);                                  \
    }                                                                                                                    \
    EXPORT_KERNEL(multiply_many_##format##_##TM)
#define MULTIPLY_MANY_32(format) MULTIPLY_MANY(format, 32, 64, 64)
#define MULTIPLY_MANY_128(format) MULTIPLY_MANY(format, 128, 128, 32)
EACH_QUANTIZED(MULTIPLY_MANY_32)
EACH_FREQUENT(MULTIPLY_MANY_128)
MULTIPLY_MANY_32(f16)
MULTIPLY_MANY_128(f16)
MULTIPLY_MANY_32(bf16)
MULTIPLY_MANY_128(bf16)
