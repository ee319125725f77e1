package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodeLoops;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** {@link CodeLoops} on vectors of this loader's width: a panel has a row for each lane. */
final class VectorCodeLoops implements CodeLoops {
    private static final int RUNS = CodePanel.COLUMNS / CodePanel.RUN;

    /** Pairs of columns of a run. */
    private static final int RUN_PAIRS = CodePanel.RUN / 2;

    /** Scales of blocks that have none inside. */
    private static final int[] ONES = new int[LENGTH];

    static {
        Arrays.fill(ONES, 1);
    }

    @Override
    public int height() {
        return LENGTH;
    }

    @Override
    public void fill(
            CodeFormat format,
            MemorySegment source,
            long offset,
            long stride,
            int rows,
            int runs,
            CodePanel panel) {
        PanelFilling.fill(format, source, offset, stride, rows, runs, panel);
    }

    @Override
    public void multiplyFew(
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
        if (!RowProducts.serves(columns / format.blockElements(), format)) {
            CodeLoops.super.multiplyFew(
                    format,
                    source,
                    offset,
                    stride,
                    weightRows,
                    left,
                    right,
                    chunk,
                    columns,
                    x,
                    rows,
                    count,
                    results);
            return;
        }
        int blocks = columns / format.blockElements();
        for (int j = 0; j < count; j++) {
            int at = 2 * j * LENGTH;
            RowProducts.add(
                    format,
                    source,
                    offset,
                    stride,
                    weightRows,
                    blocks,
                    x,
                    rows[j],
                    chunk,
                    left,
                    right,
                    results,
                    at);
        }
    }

    @Override
    public void multiply(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            int runs,
            RoundedRows x,
            int[] rows,
            int count,
            float[] results) {
        if (count > 2 && !format.hasInnerScales() && !holdsBlock(format)) {
            CodeFilling.floats(left.codes, runs * RUN_PAIRS, left.floats);
            CodeFilling.floats(right.codes, runs * RUN_PAIRS, right.floats);
        }
        if (count > 2 && format.hasInnerScales() && format.isWide()) {
            CodeFilling.split(left);
            CodeFilling.split(right);
        }
        // Rows that are left over are taken one by one; three cost less as four.
        int j = 0;
        while (j < count) {
            int tile = count - j > 2 ? Math.min(TILE, count - j) : 1;
            if (format.hasInnerScales()) {
                block(format, left, right, chunk, x, rows, j, tile, results);
            } else if (tile > 1 && holdsBlock(format)) {
                fourRowsOfBlocks(format, left, right, chunk, runs, x, rows, j, tile, results);
            } else if (tile > 1) {
                fourRowsOfRuns(format, left, right, chunk, runs, x, rows, j, tile, results);
            } else {
                for (int run = 0; run < runs; run++) {
                    oneRun(format, left, right, chunk * RUNS + run, run, x, rows[j], j, results);
                }
            }
            j += tile;
        }
    }

    private static void block(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            RoundedRows x,
            int[] rows,
            int j,
            int tile,
            float[] results) {
        int from = chunk * CodePanel.COLUMNS / 2;
        if (tile > 1) {
            fourRows(format, left, right, x, from, rows, j, tile);
        } else {
            int pairs = CodePanel.COLUMNS / 2;
            int x0 = x.pairsAt(rows[j]) + from;
            oneRow(format, left, right, 0, pairs, left.scales, right.scales, x, x0);
        }
        finishBlock(format, left, right, chunk, x, rows, j, tile, results);
    }

    /** Sums of a block with four rows of x; the loops hold nothing but calls of a tile. */
    private static void fourRows(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            RoundedRows x,
            int from,
            int[] rows,
            int j,
            int tile) {
        int[] sums = left.sums;
        int[] l = left.codes;
        int[] r = right.codes;
        int[] scales = left.scales;
        int[] rightScales = right.scales;
        int[] pairs = x.pairs();
        int x0 = x.pairsAt(rows[j]) + from;
        int x1 = x.pairsAt(rows[j + 1]) + from;
        int x2 = x.pairsAt(rows[j + 2]) + from;
        int x3 = x.pairsAt(rows[j + tile - 1]) + from;
        Arrays.fill(sums, 0);
        if (format.isWide()) {
            fourRowsOfSixteens(
                    left.lowCodes,
                    right.lowCodes,
                    pairs,
                    x0,
                    x1,
                    x2,
                    x3,
                    scales,
                    rightScales,
                    sums);
            l = left.highCodes;
            r = right.highCodes;
            scales = left.highScales;
            rightScales = right.highScales;
        }
        if (format.isWide() || format.pairs() == 16) {
            fourRowsOfSixteens(l, r, pairs, x0, x1, x2, x3, scales, rightScales, sums);
            return;
        }
        int groupsOfScale = format.scaleRun() / 32;
        for (int g = 0; g < CodePanel.COLUMNS / 16; g++) {
            int k = g * 8;
            int at = k * LENGTH;
            CodeTiles.fourEights(
                    l,
                    r,
                    at,
                    pairs,
                    x0 + k,
                    x1 + k,
                    x2 + k,
                    x3 + k,
                    scales,
                    rightScales,
                    (g >> groupsOfScale) * LENGTH,
                    sums);
        }
    }

    private static void fourRowsOfSixteens(
            int[] left,
            int[] right,
            int[] pairs,
            int x0,
            int x1,
            int x2,
            int x3,
            int[] scales,
            int[] rightScales,
            int[] sums) {
        for (int g = 0; g < CodePanel.COLUMNS / 32; g++) {
            int k = g * 16;
            int at = k * LENGTH;
            CodeTiles.fourSixteens(
                    left,
                    right,
                    at,
                    pairs,
                    x0 + k,
                    x1 + k,
                    x2 + k,
                    x3 + k,
                    scales,
                    rightScales,
                    g * LENGTH,
                    sums);
        }
    }

    /** Brings the sums of blocks of 256 to scale and subtracts their minimums. */
    private static void finishBlock(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            RoundedRows x,
            int[] rows,
            int j,
            int tile,
            float[] results) {
        int[] sums = left.sums;
        for (int m = 0; m < tile; m++) {
            float xScale = x.scales()[x.scalesAt(rows[j + m]) + chunk];
            int at = 2 * (j + m) * LENGTH;
            CodeSums.add(sums, m * LENGTH, left.blockScales, 0, xScale, results, at);
            int second = (TILE + m) * LENGTH;
            CodeSums.add(sums, second, right.blockScales, 0, xScale, results, at + LENGTH);
        }
        if (!format.hasMinimums()) {
            return;
        }
        addMinimumSums(format, left, right, chunk, x, rows, j, tile);
        for (int m = 0; m < tile; m++) {
            float xScale = x.scales()[x.scalesAt(rows[j + m]) + chunk];
            int at = 2 * (j + m) * LENGTH;
            CodeSums.subtract(sums, m * LENGTH, left.blockMinimums, 0, xScale, results, at);
            int second = (TILE + m) * LENGTH;
            CodeSums.subtract(sums, second, right.blockMinimums, 0, xScale, results, at + LENGTH);
        }
    }

    /** Sums of the integer minimums of a block, each times the sum of the bytes of x it covers. */
    private static void addMinimumSums(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            RoundedRows x,
            int[] rows,
            int j,
            int tile) {
        int[] xSums = format.scaleRun() == CodePanel.RUN ? x.runSums() : x.sums();
        int x0 = xSumsAt(format, x, rows[j], chunk);
        int[] l = left.minimums;
        int[] r = right.minimums;
        int[] sums = left.sums;
        Arrays.fill(sums, 0);
        int count = CodePanel.COLUMNS / format.scaleRun();
        if (tile == 1) {
            for (int k = 0; k < count; k += CodeSums.RUNS) {
                CodeSums.oneMinimums(l, r, k * LENGTH, xSums, x0 + k, sums);
            }
            return;
        }
        int x1 = xSumsAt(format, x, rows[j + 1], chunk);
        int x2 = xSumsAt(format, x, rows[j + 2], chunk);
        int x3 = xSumsAt(format, x, rows[j + tile - 1], chunk);
        for (int k = 0; k < count; k += CodeSums.RUNS) {
            CodeSums.fourMinimums(l, r, k * LENGTH, xSums, x0 + k, x1 + k, x2 + k, x3 + k, sums);
        }
    }

    /** Where the sums of a chunk of x are that belong to a scale each. */
    private static int xSumsAt(CodeFormat format, RoundedRows x, int row, int chunk) {
        int first = format.scaleRun() == CodePanel.RUN ? x.runSumsAt(row) : x.sumsAt(row);
        return first + chunk * (CodePanel.COLUMNS / format.scaleRun());
    }

    /** Whether 16 bits hold the products of a block of 32. */
    private static boolean holdsBlock(CodeFormat format) {
        return !format.hasInnerScales() && format.pairs() == RUN_PAIRS;
    }

    private static void fourRowsOfBlocks(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            int runs,
            RoundedRows x,
            int[] rows,
            int j,
            int tile,
            float[] results) {
        int[] l = left.codes;
        int[] r = right.codes;
        float[] scales = left.blockScales;
        float[] rightScales = right.blockScales;
        int[] pairs = x.pairs();
        float[] xScales = x.scales();
        int last = j + tile - 1;
        int from = chunk * CodePanel.COLUMNS / 2;
        int block = chunk * RUNS;
        int x0 = x.pairsAt(rows[j]) + from;
        int x1 = x.pairsAt(rows[j + 1]) + from;
        int x2 = x.pairsAt(rows[j + 2]) + from;
        int x3 = x.pairsAt(rows[last]) + from;
        int s0 = x.scalesAt(rows[j]) + block;
        int s1 = x.scalesAt(rows[j + 1]) + block;
        int s2 = x.scalesAt(rows[j + 2]) + block;
        int s3 = x.scalesAt(rows[last]) + block;
        int r0 = 2 * j * LENGTH;
        int r1 = r0 + 2 * LENGTH;
        int r2 = r1 + 2 * LENGTH;
        int r3 = 2 * last * LENGTH;
        for (int run = 0; run < runs; run++) {
            int k = run * RUN_PAIRS;
            CodeTiles.fourBlocks(
                    l,
                    r,
                    k * LENGTH,
                    pairs,
                    x0 + k,
                    x1 + k,
                    x2 + k,
                    x3 + k,
                    scales,
                    rightScales,
                    run * LENGTH,
                    xScales,
                    s0 + run,
                    s1 + run,
                    s2 + run,
                    s3 + run,
                    results,
                    r0,
                    r1,
                    r2,
                    r3);
            for (int m = 0; m < tile && format.hasMinimums(); m++) {
                float xScale = xScales[x.scalesAt(rows[j + m]) + block + run];
                int to = 2 * (j + m) * LENGTH;
                addMinimums(left, right, block + run, run, x, rows[j + m], xScale, results, to);
            }
        }
    }

    private static void fourRowsOfRuns(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int chunk,
            int runs,
            RoundedRows x,
            int[] rows,
            int j,
            int tile,
            float[] results) {
        float[] sums = left.floatSums;
        float[] floats = x.floats();
        int from = chunk * CodePanel.COLUMNS;
        int x0 = 2 * x.pairsAt(rows[j]) + from;
        int x1 = 2 * x.pairsAt(rows[j + 1]) + from;
        int x2 = 2 * x.pairsAt(rows[j + 2]) + from;
        int x3 = 2 * x.pairsAt(rows[j + tile - 1]) + from;
        for (int run = 0; run < runs; run++) {
            int k = run * CodePanel.RUN;
            int at = k * LENGTH;
            CodeTiles.fourRuns(
                    left.floats, right.floats, at, floats, x0 + k, x1 + k, x2 + k, x3 + k, sums);
            int block = chunk * RUNS + run;
            int scaleAt = run * LENGTH;
            for (int m = 0; m < tile; m++) {
                float xScale = x.scales()[x.scalesAt(rows[j + m]) + block];
                int to = 2 * (j + m) * LENGTH;
                int second = (TILE + m) * LENGTH;
                CodeSums.addFloats(
                        sums, m * LENGTH, left.blockScales, scaleAt, xScale, results, to);
                CodeSums.addFloats(
                        sums, second, right.blockScales, scaleAt, xScale, results, to + LENGTH);
                if (format.hasMinimums()) {
                    addMinimums(left, right, block, run, x, rows[j + m], xScale, results, to);
                }
            }
        }
    }

    private static void oneRun(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int block,
            int run,
            RoundedRows x,
            int row,
            int j,
            float[] results) {
        int[] sums = left.sums;
        int first = run * RUN_PAIRS;
        int x0 = x.pairsAt(row) + block * RUN_PAIRS;
        if (format.isWide()) {
            int at = first * LENGTH;
            CodeTiles.oneWide(left.codes, at, x.pairs(), x0, sums, 0);
            CodeTiles.oneWide(right.codes, at, x.pairs(), x0, sums, TILE * LENGTH);
        } else {
            oneRow(format, left, right, first, RUN_PAIRS, ONES, ONES, x, x0);
        }
        float xScale = x.scales()[x.scalesAt(row) + block];
        int at = 2 * j * LENGTH;
        int scaleAt = run * LENGTH;
        CodeSums.add(sums, 0, left.blockScales, scaleAt, xScale, results, at);
        int second = TILE * LENGTH;
        CodeSums.add(sums, second, right.blockScales, scaleAt, xScale, results, at + LENGTH);
        if (format.hasMinimums()) {
            addMinimums(left, right, block, run, x, row, xScale, results, at);
        }
    }

    /** Adds the minimums of blocks of 32, times the sum of a row of x. */
    private static void addMinimums(
            CodePanel left,
            CodePanel right,
            int block,
            int run,
            RoundedRows x,
            int row,
            float xScale,
            float[] results,
            int at) {
        int xSum = x.runSums()[x.runSumsAt(row) + block];
        int from = run * LENGTH;
        CodeSums.addMinimums(xSum, left.blockMinimums, from, xScale, results, at);
        CodeSums.addMinimums(xSum, right.blockMinimums, from, xScale, results, at + LENGTH);
    }

    /** Sums of groups of as many pairs as 16 bits hold, each times its scale. */
    private static void oneRow(
            CodeFormat format,
            CodePanel left,
            CodePanel right,
            int first,
            int pairs,
            int[] scales,
            int[] rightScales,
            RoundedRows x,
            int x0) {
        int[] sums = left.sums;
        Arrays.fill(sums, 0);
        int count = format.pairs();
        // Blocks without scales inside have a one for all groups.
        int pairsOfScale = format.hasInnerScales() ? format.scaleRun() / 2 : Integer.MAX_VALUE;
        for (int k = 0; k < pairs; k += count) {
            int at = (first + k) * LENGTH;
            int scaleAt = k / pairsOfScale * LENGTH;
            CodeTiles.one(
                    left.codes,
                    right.codes,
                    at,
                    count,
                    x.pairs(),
                    x0 + k,
                    scales,
                    rightScales,
                    scaleAt,
                    sums);
        }
    }
}
