package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Tensor;
import java.util.Arrays;

/**
 * The left side of a matrix product: rows of F32, padded with zeros to a whole number of lanes, in
 * the order in which the product wants them. Rows are copied once an operation; picking and sorting
 * them (by expert) is a matter of the index.
 */
final class Inputs {
    /** Rows that are multiplied with a decoded run of weights before it is thrown away. */
    static final int BLOCK = 64;

    /** Rows this far apart would compete for the same few places of the L1 cache. */
    private static final int BAD_STRIDE = 256;

    private float[] values = new float[0];
    private int[] index = new int[0];
    private boolean picked;
    private int stride;

    /** Sets the shape: {@code rows} of {@code columns}, in their own order. */
    void shape(int rows, int columns) {
        stride = stride(columns);
        values = Operands.grown(values, Math.multiplyExact(rows, stride));
        picked = false;
    }

    /** Elements between the starts of rows of {@code columns} elements. */
    static int stride(int columns) {
        int padded = Operands.padded(columns);
        return padded % BAD_STRIDE == 0 ? padded + LaneKernels.LANES : padded;
    }

    /** From now on, row j of the product is stored row {@code index[j]}. */
    void pick(int[] index) {
        this.index = index;
        picked = true;
    }

    /** Copies row {@code from} of a tensor to stored row {@code to}. */
    void load(Tensor x, long from, int to) {
        int columns = x.columns();
        int at = to * stride;
        Operands.load(x, from * columns, values, at, columns);
        clearPadding(to, columns);
    }

    /** Fills up stored row {@code row} with zeros behind its {@code columns} elements. */
    void clearPadding(int row, int columns) {
        int at = row * stride;
        Arrays.fill(values, at + columns, at + Operands.padded(columns), 0f);
    }

    /** All stored rows. */
    float[] values() {
        return values;
    }

    /** Where row j of the product starts in {@link #values()}. */
    int start(int j) {
        return (picked ? index[j] : j) * stride;
    }

    /** Where stored row {@code row} starts in {@link #values()}. */
    int storedStart(int row) {
        return row * stride;
    }
}
