package dev.juggler.backend.cuda;

import dev.juggler.kernel.DType;

/**
 * What a product multiplies, in terms that all its kernels share: row r of the result is row {@code
 * r / share} of x times matrix {@code ids[r]}, or {@code r % matrices} where there are no ids.
 *
 * @param out address of the result [rows, n]
 * @param x address of the F32 rows
 * @param weight address of the first row of the first matrix
 * @param type of the weight
 * @param ids address of the matrix of each row, 0 for none
 * @param rows rows of the result
 * @param n columns of the result
 * @param k columns of x
 * @param share rows of the result that share a row of x
 * @param matrices how many there are; with ids, the most that an id may name
 * @param matrixBytes from one matrix to the next
 */
record Product(
        long out,
        long x,
        long weight,
        DType type,
        long ids,
        int rows,
        int n,
        int k,
        int share,
        int matrices,
        long matrixBytes) {
    int inputRows() {
        return rows / share;
    }

    /** Rows of the result that one matrix makes, where they are dealt out evenly. */
    int rowsOfMatrix() {
        return ids != 0 ? rows : (rows + matrices - 1) / matrices;
    }

    /** The same with other weights and another result. */
    Product with(long newOut, long newWeight) {
        return new Product(
                newOut, x, newWeight, type, ids, rows, n, k, share, matrices, matrixBytes);
    }
}
