/*
 * What products with many rows share: which rows of the result a tile is. Rows of one tile take the same matrix.
 *
 * Three ways to come by rows: a single matrix for all; a matrix for each head, row r taking matrix r % matrices, with
 * blockIdx.z the matrix; or tiles of choices that group_experts has made, with order[i] the row.
 */
#ifndef JUGGLER_MANY_CUH
#define JUGGLER_MANY_CUH

#include "activations.cuh"
#include "formats.cuh"

struct RowsOfTile {
    const int *order;
    int matrix; /* negative: none, and the rows are zeros */
    int matrices;
    int first, count; /* places in order or rows of the matrix */
    int share;

    __device__ __forceinline__ int64 out_row(int i) const {
        return order != nullptr ? order[first + i] : (int64)(first + i) * matrices + matrix;
    }
    __device__ __forceinline__ int64 x_row(int i) const { return out_row(i) / share; }
};

/* How many tiles there are in y, at most, for a matrix. */
__device__ __forceinline__ int tiles_of_matrix(const int *tiles, int rows, int matrices, int tile_rows) {
    return tiles != nullptr ? (int)gridDim.y : (rows / matrices + tile_rows - 1) / tile_rows;
}

__device__ __forceinline__ RowsOfTile rows_of_tile(const int *order, const int *tiles, int tile, int matrix, int rows,
                                                   int matrices, int share, int tile_rows) {
    if (tiles != nullptr) {
        const int *entry = tiles + 4 * (int64)tile;
        return {order, entry[0], 1, entry[1], entry[2], share};
    }
    const int first = tile * tile_rows;
    return {nullptr, matrix, matrices, first, min(tile_rows, rows / matrices - first), share};
}

#endif
