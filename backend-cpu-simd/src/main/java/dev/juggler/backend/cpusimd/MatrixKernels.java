package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import java.util.Set;

/**
 * A set of matrix kernels: what one worker does with a piece of a matrix product. All matrix
 * operations (dense, by expert, fused) come down to this, so a set in another language or for
 * another instruction set is one more implementation.
 *
 * <p>A result may depend on its row of {@code x} and its row of the weight only, bit for bit: not
 * on how many rows there are, nor on how they are cut into pieces.
 */
interface MatrixKernels {
    /** Types of weights that it multiplies. */
    Set<DType> weightTypes();

    /**
     * How many elements of x share a scale where they are rounded to 8 bits to be multiplied with a
     * type of weight: 32 or 256; 0 where they stay F32. Rows of x that were not rounded so are
     * multiplied as they are.
     */
    int roundedBlock(DType weight);

    /** Weight rows that are multiplied together: pieces of work are whole numbers of them. */
    int panelRows();

    /**
     * {@code out[j · rowCount + i] = x row j · weight row (firstRow + i)}. Each byte of the weight
     * is read once for up to {@link Inputs#BLOCK} rows of x.
     *
     * @param firstRow rows of a stack are counted through all its matrices
     * @param x the rows of the product
     * @param firstX which of {@code x}'s rows is the first
     * @param xCount how many rows of x
     * @param out results, at least {@code xCount · rowCount}
     */
    void multiply(
            WeightRows weight,
            long firstRow,
            int rowCount,
            Inputs x,
            int firstX,
            int xCount,
            float[] out,
            WorkerScratch scratch);

    /** Decodes a run of elements of a row; used for look-ups and for keys and values. */
    RowDecoder decoder(DType dtype);
}
