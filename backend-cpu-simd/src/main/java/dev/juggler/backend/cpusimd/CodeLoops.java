package dev.juggler.backend.cpusimd;

import java.lang.foreign.MemorySegment;

/**
 * The inner loops of products of integer codes with activations of 8 bits. As with {@link
 * LaneKernels}, a plain and a vector form give the same numbers: sums of integers are exact, and
 * float scales are applied block after block by one fused multiply-add. The native kernels do the
 * same arithmetic.
 */
public interface CodeLoops {
    /** Rows of x that are multiplied with a panel together. */
    int TILE = 4;

    /** Rows of x for which {@link #multiplyFew} is made. */
    int FEW = 2;

    /** Weight rows of a panel. */
    int height();

    /**
     * Takes apart a chunk of 256 columns of some weight rows.
     *
     * @param offset first byte of the chunk in the first row
     * @param stride bytes between rows
     * @param rows of the weight, at most {@link #height()}; the last one fills up the panel
     * @param runs of 32 columns that there are, at most 8
     */
    void fill(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int rows,
            int runs,
            CodePanel panel);

    /**
     * Adds products of two panels with some rows of x to results.
     *
     * @param chunk which 256 columns of x
     * @param runs of 32 columns, at most 8
     * @param rows which rows of x
     * @param count how many
     * @param results {@code [count][2 · height]}, with room for whole tiles
     */
    void multiply(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            int runs,
            RoundedRows x,
            int[] rows,
            int count,
            float[] results);

    /**
     * Adds products of the rows of two panels with very few rows of x to results, over some
     * columns; the panels are left as they happen to be.
     *
     * @param offset first byte of these columns in the first row
     * @param stride bytes between rows
     * @param weightRows of the weight, at most {@code 2 · height}
     * @param chunk which 256 columns of x are the first
     * @param columns how many, at most {@link CodePanel#MOST_ROW_COLUMNS}
     */
    default void multiplyFew(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int weightRows,
            CodePanel left,
            CodePanel right,
            int chunk,
            int columns,
            RoundedRows x,
            int[] rows,
            int count,
            float[] results) {
        for (int from = 0; from < columns; from += CodePanel.COLUMNS) {
            int runs = Math.min(CodePanel.COLUMNS, columns - from) / CodePanel.RUN;
            int current = chunk + from / CodePanel.COLUMNS;
            long at = offset + format.bytes(from);
            fillBoth(format, source, at, stride, weightRows, runs, left, right);
            multiply(format, left, right, current, runs, x, rows, count, results);
        }
    }

    /** As {@link #fill}, with rows for two panels. */
    default void fillBoth(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int weightRows,
            int runs,
            CodePanel left,
            CodePanel right) {
        int rows = Math.min(weightRows, height());
        fill(format, source, offset, stride, rows, runs, left);
        // Where there is no second panel, the last row fills it and nobody looks at it.
        long second = offset + Math.min(rows, weightRows - 1) * stride;
        fill(format, source, second, stride, Math.max(1, weightRows - rows), runs, right);
    }
}
