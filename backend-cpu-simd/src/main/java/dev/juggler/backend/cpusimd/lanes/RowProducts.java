package dev.juggler.backend.cpusimd.lanes;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.lang.foreign.MemorySegment;

/**
 * Products of weight rows with one row of x, read along the rows, eight of them after one another.
 * With few rows of x the time goes into fetching and taking apart weights; here both are done once,
 * in the order of memory, and nothing is turned or stored but one partial sum a block.
 */
final class RowProducts {
    /** Rows whose sums are brought to scale together. */
    private static final int SIDE = CodePanel.ALONG;

    private RowProducts() {}

    /** Whether weights of a format can be read along their rows. */
    static boolean serves(CodeFormat format) {
        return Lanes.LENGTH >= SIDE && format.hasInnerScales();
    }

    /**
     * Adds products to results.
     *
     * @param offset first byte of the columns in the first row
     * @param stride bytes between rows
     * @param rows of the weight
     * @param blocks of each row
     * @param row which row of x
     * @param chunk which 256 columns of x are the first
     * @param at where the result of the first row is; room for a multiple of eight follows
     */
    static void add(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int rows,
            int blocks,
            RoundedRows x,
            int row,
            int chunk,
            CodePanel sums,
            CodePanel minimums,
            float[] results,
            int at) {
        long gap = stride - (long) blocks * format.blockBytes();
        int xAt = x.scalesAt(row) + chunk;
        for (int first = 0; first < rows; first += SIDE) {
            long from = offset + first * stride;
            int count = Math.min(SIDE, rows - first) * blocks;
            switch (format) {
                case Q4_K ->
                        FourBitSums.add(
                                source, from, gap, count, blocks, x, row, chunk, sums, minimums);
                case Q5_K ->
                        FiveBitSums.add(
                                source, from, gap, count, blocks, x, row, chunk, sums, minimums);
                case Q6_K -> SixBitSums.add(source, from, gap, count, blocks, x, row, chunk, sums);
                default -> throw new IllegalArgumentException(format.toString());
            }
            RowTotals.sum(sums.partials, blocks, sums.totals);
            if (format.hasMinimums()) {
                RowTotals.sum(minimums.partials, blocks, minimums.totals);
                RowTotals.addAndSubtract(
                        sums, minimums, x.scales(), xAt, blocks, results, at + first);
            } else {
                RowTotals.add(sums, x.scales(), xAt, blocks, results, at + first);
            }
        }
    }
}
