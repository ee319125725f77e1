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
