package dev.juggler.backend.cpusimd.lanes;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.CodeTables;
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

    /** Whether so many blocks of a row can be read along. */
    static boolean serves(int blocks, CodeFormat format) {
        return Lanes.LENGTH >= SIDE && (format.hasInnerScales() || blocks > 1);
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
        if (!format.hasInnerScales()) {
            addSmall(
                    format,
                    source,
                    offset,
                    stride,
                    rows,
                    blocks,
                    x,
                    row,
                    chunk,
                    sums,
                    minimums.totalScales,
                    results,
                    at);
            return;
        }
        long gap = stride - (long) blocks * format.blockBytes();
        int xAt = x.scalesAt(row) + chunk;
        for (int first = 0; first < rows; first += SIDE) {
            long from = offset + first * stride;
            int count = Math.min(SIDE, rows - first) * blocks;
            switch (format) {
                case Q2_K ->
                        TwoBitSums.add(
                                source, from, gap, count, blocks, x, row, chunk, sums, minimums);
                case Q3_K ->
                        ThreeBitSums.add(source, from, gap, count, blocks, x, row, chunk, sums);
                case Q4_K ->
                        FourBitSums.add(
                                source, from, gap, count, blocks, x, row, chunk, sums, minimums);
                case Q5_K ->
                        FiveBitSums.add(
                                source, from, gap, count, blocks, x, row, chunk, sums, minimums);
                case IQ4_XS ->
                        NonLinearSums.add(source, from, gap, count, blocks, x, row, chunk, sums);
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

    /** The same for blocks of 32. */
    private static void addSmall(
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
            float[] minimums,
            float[] results,
            int at) {
        short[] shorts = x.shorts();
        int xAt = 2 * x.pairsAt(row) + chunk * CodePanel.COLUMNS;
        int block = chunk * (CodePanel.COLUMNS / CodePanel.RUN);
        for (int first = 0; first < rows; first += SIDE) {
            for (int line = 0; line < Math.min(SIDE, rows - first); line++) {
                long from = offset + (first + line) * stride;
                sumRow(format, source, from, blocks, shorts, xAt, sums, minimums, line);
            }
            RowTotals.sumSmall(sums.partials, blocks, sums.totals);
            int[] xSums = x.runSums();
            float[] xScales = x.scales();
            int xSumsAt = x.runSumsAt(row) + block;
            int scalesAt = x.scalesAt(row) + block;
            int to = at + first;
            if (format.hasMinimums()) {
                RowTotals.addSmallAndMinimums(
                        sums, minimums, xSums, xSumsAt, xScales, scalesAt, blocks, results, to);
            } else {
                int more = format.offset();
                RowTotals.addSmall(
                        sums, more, xSums, xSumsAt, xScales, scalesAt, blocks, results, to);
            }
        }
    }

    private static void sumRow(
            CodeFormat format,
            MemorySegment source,
            long at,
            int blocks,
            short[] x,
            int xAt,
            CodePanel sums,
            float[] minimums,
            int line) {
        int to = line * blocks * SIDE;
        int bytes = format.blockBytes();
        int[] partials = sums.partials;
        float[] scales = sums.totalScales;
        switch (format) {
            case Q4_0, Q4_1 ->
                    SmallBlockSums.q4(
                            source, at, bytes, blocks, x, xAt, partials, to, scales, line);
            case Q5_0, Q5_1 ->
                    SmallBlockSums.q5(
                            source, at, bytes, blocks, x, xAt, partials, to, scales, line);
            case Q8_0 -> SmallBlockSums.q8(source, at, blocks, x, xAt, partials, to, scales, line);
            case IQ4_NL, MXFP4 -> {
                byte[] table = CodeTables.of(format);
                SmallBlockSums.table(source, at, bytes, blocks, table, x, xAt, partials, to);
                if (format == CodeFormat.MXFP4) {
                    SmallBlockSums.halfPowers(source, at, bytes, blocks, scales, line);
                } else {
                    SmallBlockSums.halves(source, at, bytes, blocks, scales, line);
                }
            }
            default -> throw new IllegalArgumentException(format.toString());
        }
        if (format.hasMinimums()) {
            SmallBlockSums.halves(source, at + Short.BYTES, bytes, blocks, minimums, line);
        }
    }
}
