/*
 * Products with many rows in F32: for F32 weights, for results that nothing rounds, and with transposed matrices. Tiles of
 * 64 rows by 64 columns of the result; 256 threads with 4 x 4 sums each; 64 steps of the inner dimension go through
 * shared memory at once, weights decoded on their way there. Not for speed: tensor cores are (many.cu).
 */
#include "many.cuh"

enum { SIDE = 64, FLOAT_BLOCK = 256, STRIDE = SIDE + 1 };

/* A step's x and weights, both with the inner dimension first; one more column, against bank conflicts. */
struct FloatTiles {
    float x[SIDE][STRIDE];
    float w[SIDE][STRIDE];
};

/* Elements [from, from + 64) of the tile's rows of x, which have `width` elements. */
__device__ __forceinline__ void load_x(FloatTiles &tiles, const float *x, const RowsOfTile &rows, int width, int from) {
    for (int i = threadIdx.x; i < SIDE * SIDE; i += FLOAT_BLOCK) {
        const int row = i / SIDE, element = i % SIDE;
        const bool is_there = row < rows.count && from + element < width;
        tiles.x[element][row] = is_there ? x[rows.x_row(row) * width + from + element] : 0.0f;
    }
}

/*
 * 64 rows of a matrix from `row` on, elements [column, column + 64). The inner dimension is that of the elements, or
 * that of the rows where TRANSPOSED. Each thread decodes sixteen elements.
 */
template <bool TRANSPOSED>
__device__ __forceinline__ void load_weights(FloatTiles &tiles, const byte *matrix, int type, int64 bytes, int n, int k,
                                             int row, int column) {
    const int r = threadIdx.x % SIDE, segment = threadIdx.x / SIDE;
    float values[16] = {};
    if (row + r < n && column + 16 * segment < k) {
        decode_segment(type, matrix + (row + r) * bytes, column / 16 + segment, k, values);
    }
#pragma unroll
    for (int i = 0; i < 16; i++) {
        const int element = 16 * segment + i;
        tiles.w[TRANSPOSED ? r : element][TRANSPOSED ? element : r] = values[i];
    }
}

__device__ __forceinline__ void add_products(const FloatTiles &tiles, float (&sums)[4][4]) {
    const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
    for (int i = 0; i < SIDE; i++) {
        float a[4], b[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
            a[j] = tiles.x[i][ty + 16 * j];
            b[j] = tiles.w[i][tx + 16 * j];
        }
#pragma unroll
        for (int j = 0; j < 4; j++) {
#pragma unroll
            for (int l = 0; l < 4; l++) {
                sums[j][l] += a[j] * b[l];
            }
        }
    }
}

/* One tile of the result: `inner` is the length of rows of x, `outer` that of rows of out. */
template <bool TRANSPOSED>
__device__ __forceinline__ void multiply_tile(float *out, const byte *weight, const float *x, const RowsOfTile &rows, int n,
                                              int k, int64 matrix_bytes, int type) {
    __shared__ FloatTiles tiles;
    const int inner = TRANSPOSED ? n : k, outer = TRANSPOSED ? k : n, column = blockIdx.x * SIDE;
    const int64 bytes = row_bytes(type, k);
    float sums[4][4] = {};
    for (int from = 0; from < inner && rows.matrix >= 0; from += SIDE) {
        __syncthreads();
        load_x(tiles, x, rows, inner, from);
        load_weights<TRANSPOSED>(tiles, weight + rows.matrix * matrix_bytes, type, bytes, n, k, TRANSPOSED ? from : column,
                                 TRANSPOSED ? column : from);
        __syncthreads();
        add_products(tiles, sums);
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
        const int row = threadIdx.x / 16 + 16 * j;
#pragma unroll
        for (int l = 0; l < 4; l++) {
            const int at = column + threadIdx.x % 16 + 16 * l;
            if (row < rows.count && at < outer) {
                out[rows.out_row(row) * outer + at] = sums[j][l];
            }
        }
    }
}

/*
 * out row r = x row r / share · its matrix, any type. grid = (ceil(n / 64), ceil(rows / matrices / 64), matrices), or
 * with tiles of 64 choices (ceil(n / 64), tiles, 1); block = 256.
 */
extern "C" __global__ void __launch_bounds__(FLOAT_BLOCK)
    multiply_many_float(float *out, const void *weight, const float *x, const int *order, const int *tiles, int rows, int n,
                        int k, int share, int matrices, int64 matrix_bytes, int type) {
    const int count = tiles_of_matrix(tiles, rows, matrices, SIDE);
    for (int matrix = blockIdx.z; matrix < matrices; matrix += gridDim.z) {
        for (int tile = blockIdx.y; tile < count; tile += gridDim.y) {
            const RowsOfTile of_tile = rows_of_tile(order, tiles, tile, matrix, rows, matrices, share, SIDE);
            multiply_tile<false>(out, (const byte *)weight, x, of_tile, n, k, matrix_bytes, type);
        }
    }
}
EXPORT_KERNEL(multiply_many_float)

/*
 * out [rows, k]: row r = the sum over i < n of x[r / share, i] * row i of matrix r % matrices.
 * grid = (ceil(k / 64), ceil(rows / matrices / 64), matrices), block = 256.
 */
extern "C" __global__ void __launch_bounds__(FLOAT_BLOCK)
    multiply_transposed(float *out, const void *stack, const float *x, int rows, int n, int k, int share, int matrices,
                        int64 matrix_bytes, int type) {
    const int count = tiles_of_matrix(nullptr, rows, matrices, SIDE);
    for (int matrix = blockIdx.z; matrix < matrices; matrix += gridDim.z) {
        for (int tile = blockIdx.y; tile < count; tile += gridDim.y) {
            const RowsOfTile of_tile = rows_of_tile(nullptr, nullptr, tile, matrix, rows, matrices, share, SIDE);
            multiply_tile<true>(out, (const byte *)stack, x, of_tile, n, k, matrix_bytes, type);
        }
    }
}
EXPORT_KERNEL(multiply_transposed)
