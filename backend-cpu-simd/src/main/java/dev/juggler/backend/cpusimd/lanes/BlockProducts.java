package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodeLoops;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.util.Arrays;

/**
 * Products of two panels of blocks of 256, whose codes have integer scales, with a few rows of x.
 */
final class BlockProducts {
    private static final int TILE = CodeLoops.TILE;

    private BlockProducts() {}

    static void block(
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
        boolean byRuns = format.scaleRun() == CodePanel.RUN;
        int runs = CodePanel.COLUMNS / format.scaleRun();
        float[] xSums = byRuns ? x.floatRunSums() : x.floatSums();
        float[] xScales = x.scales();
        int[] sums = left.sums;
        int s0 = x.scalesAt(rows[j]) + chunk;
        int x0 = xSumsAt(byRuns, x, rows[j]) + chunk * runs;
        int r0 = 2 * j * LENGTH;
        if (tile == 1) {
            float xScale = xScales[s0];
            CodeSums.add(sums, 0, left.blockScales, 0, xScale, results, r0);
            int second = TILE * LENGTH;
            CodeSums.add(sums, second, right.blockScales, 0, xScale, results, r0 + LENGTH);
            if (format.hasMinimums()) {
                CodeSums.subtractMinimums(left, right, runs, xSums, x0, xScale, results, r0);
            }
            return;
        }
        // Behind the last row it is the last again, with a place that nobody looks at.
        int last = rows[j + tile - 1];
        int s1 = x.scalesAt(rows[j + 1]) + chunk;
        int s2 = x.scalesAt(rows[j + 2]) + chunk;
        int s3 = x.scalesAt(last) + chunk;
        int r1 = r0 + 2 * LENGTH;
        int r2 = r1 + 2 * LENGTH;
        int r3 = r2 + 2 * LENGTH;
        CodeSums.addFour(
                sums,
                left.blockScales,
                right.blockScales,
                xScales,
                s0,
                s1,
                s2,
                s3,
                results,
                r0,
                r1,
                r2,
                r3);
        if (format.hasMinimums()) {
            int x1 = xSumsAt(byRuns, x, rows[j + 1]) + chunk * runs;
            int x2 = xSumsAt(byRuns, x, rows[j + 2]) + chunk * runs;
            int x3 = xSumsAt(byRuns, x, last) + chunk * runs;
            CodeSums.subtractFourMinimums(
                    left, right, runs, xSums, x0, x1, x2, x3, xScales, s0, s1, s2, s3, results, r0,
                    r1, r2, r3);
        }
    }

    /** Where the sums of a row of x are that belong to a minimum each. */
    private static int xSumsAt(boolean byRuns, RoundedRows x, int row) {
        return byRuns ? x.runSumsAt(row) : x.sumsAt(row);
    }

    /** Sums of groups of as many pairs as 16 bits hold, each times its scale. */
    static void oneRow(
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
