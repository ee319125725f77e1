package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Tensor;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

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
    private int columns;

    /** Rows rounded in blocks of 32 and of 256. */
    private final RoundedRows small = new RoundedRows();

    private final RoundedRows large = new RoundedRows();
    private boolean hasSmall;
    private boolean hasLarge;

    /** Sets the shape: {@code rows} of {@code columns}, in their own order. */
    void shape(int rows, int columns) {
        stride = stride(columns);
        this.columns = columns;
        hasSmall = false;
        hasLarge = false;
        values = Operands.grown(values, Math.multiplyExact(rows, stride));
        picked = false;
    }

    /**
     * Makes room for rounded rows.
     *
     * @param block elements that share a scale: 32 or 256; 0 for none
     */
    void shapeRounded(int rows, int block) {
        if (block == CodePanel.RUN) {
            hasSmall = true;
            small.shape(rows, columns, block);
        } else if (block != 0) {
            hasLarge = true;
            large.shape(rows, columns, block);
        }
    }

    /** Rounds stored row {@code row} as {@link #shapeRounded} said. */
    void round(int row) {
        if (hasSmall) {
            small.round(values, row * stride, row);
        }
        if (hasLarge) {
            large.round(values, row * stride, row);
        }
    }

    /** The rows rounded in blocks of that many elements, or null if they were not. */
    @Nullable RoundedRows rounded(int block) {
        return block == CodePanel.RUN
                ? (hasSmall ? small : null)
                : block != 0 && hasLarge ? large : null;
    }

    /** Which stored row is row j of the product. */
    int stored(int j) {
        return picked ? index[j] : j;
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
        return stored(j) * stride;
    }

    /** Where stored row {@code row} starts in {@link #values()}. */
    int storedStart(int row) {
        return row * stride;
    }
}
