package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodeLoops;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.util.Arrays;

/** Products of two panels of blocks of 32, which have nothing but a scale and perhaps a minimum. */
final class RunProducts {
    private static final int TILE = CodeLoops.TILE;
    private static final int RUNS = CodePanel.COLUMNS / CodePanel.RUN;

    /** Pairs of columns of a run. */
    private static final int RUN_PAIRS = CodePanel.RUN / 2;

    /** Scales of blocks that have none inside. */
    private static final int[] ONES = new int[LENGTH];

    static {
        Arrays.fill(ONES, 1);
    }

    private RunProducts() {}

    /** Whether 16 bits hold the products of a block of 32. */
    static boolean holdsBlock(CodeFormat format) {
        return !format.hasInnerScales() && format.pairs() == RUN_PAIRS;
    }

    static void fourRowsOfBlocks(
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
            RunTiles.fourBlocks(
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

    static void fourRowsOfRuns(
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
            RunTiles.fourRuns(
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

    static void oneRun(
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
            RunTiles.oneWide(left.codes, at, x.pairs(), x0, sums, 0);
            RunTiles.oneWide(right.codes, at, x.pairs(), x0, sums, TILE * LENGTH);
        } else {
            BlockProducts.oneRow(format, left, right, first, RUN_PAIRS, ONES, ONES, x, x0);
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
}
