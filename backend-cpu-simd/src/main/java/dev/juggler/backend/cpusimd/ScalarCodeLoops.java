package dev.juggler.backend.cpusimd;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The definition of {@link CodeLoops} in plain loops; it also works until the vector form is
 * compiled.
 */
final class ScalarCodeLoops implements CodeLoops {
    private final int height;

    ScalarCodeLoops(int height) {
        this.height = height;
    }

    @Override
    public int height() {
        return height;
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
        for (int r = 0; r < height; r++) {
            long from = offset + Math.min(r, rows - 1) * stride;
            ScalarCodeFilling.fill(format, source, from, runs, panel, height, r);
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
        for (int j = 0; j < count; j++) {
            int at = 2 * j * height;
            if (format.hasInnerScales()) {
                multiplyBlock(format, left, chunk, x, rows[j], results, at);
                multiplyBlock(format, right, chunk, x, rows[j], results, at + height);
            } else {
                for (int run = 0; run < runs; run++) {
                    multiplyRun(format, left, chunk, run, x, rows[j], results, at);
                    multiplyRun(format, right, chunk, run, x, rows[j], results, at + height);
                }
            }
        }
    }

    private void multiplyBlock(
            CodeFormat format,
            CodePanel panel,
            int chunk,
            RoundedRows x,
            int row,
            float[] results,
            int at) {
        int[] total = panel.sums;
        Arrays.fill(total, 0, 2 * height, 0);
        int xAt = x.pairsAt(row) + chunk * CodePanel.COLUMNS / 2;
        int pairs = format.scaleRun() / 2;
        int groups = CodePanel.COLUMNS / format.scaleRun();
        for (int g = 0; g < groups; g++) {
            Arrays.fill(total, 2 * height, 3 * height, 0);
            addProducts(panel, g * pairs, pairs, x.pairs(), xAt + g * pairs, 2 * height);
            int xSum = sum(x, row, chunk, g * format.scaleRun(), format.scaleRun());
            for (int r = 0; r < height; r++) {
                total[r] += total[2 * height + r] * panel.scales[g * height + r];
                if (format.hasMinimums()) {
                    total[height + r] += xSum * (int) panel.minimums[g * height + r];
                }
            }
        }
        float xScale = x.scales()[x.scalesAt(row) + chunk];
        for (int r = 0; r < height; r++) {
            float result = Math.fma(total[r], panel.blockScales[r] * xScale, results[at + r]);
            if (format.hasMinimums()) {
                result = Math.fma(-total[height + r], panel.blockMinimums[r] * xScale, result);
            }
            results[at + r] = result;
        }
    }

    private void multiplyRun(
            CodeFormat format,
            CodePanel panel,
            int chunk,
            int run,
            RoundedRows x,
            int row,
            float[] results,
            int at) {
        Arrays.fill(panel.sums, 0, height, 0);
        int pairs = CodePanel.RUN / 2;
        int from = (chunk * (CodePanel.COLUMNS / CodePanel.RUN) + run) * pairs;
        addProducts(panel, run * pairs, pairs, x.pairs(), x.pairsAt(row) + from, 0);
        int block = chunk * (CodePanel.COLUMNS / CodePanel.RUN) + run;
        float xScale = x.scales()[x.scalesAt(row) + block];
        int xSum = x.runSums()[x.runSumsAt(row) + block];
        for (int r = 0; r < height; r++) {
            float scale = panel.blockScales[run * height + r] * xScale;
            float result = Math.fma(panel.sums[r], scale, results[at + r]);
            if (format.hasMinimums()) {
                float minimum = panel.blockMinimums[run * height + r] * xScale;
                result = Math.fma(xSum, minimum, result);
            }
            results[at + r] = result;
        }
    }

    /** Adds the products of some pairs of columns to sums from {@code to}. */
    private void addProducts(CodePanel panel, int first, int pairs, int[] x, int xAt, int to) {
        int[] sums = panel.sums;
        for (int k = 0; k < pairs; k++) {
            int low = (short) x[xAt + k];
            int high = x[xAt + k] >> 16;
            int from = (first + k) * height;
            for (int r = 0; r < height; r++) {
                int codes = panel.codes[from + r];
                sums[to + r] += ((short) codes * low) + ((codes >> 16) * high);
            }
        }
    }

    /** The sum of x's bytes over a run of a chunk. */
    private static int sum(RoundedRows x, int row, int chunk, int from, int length) {
        int at = x.sumsAt(row) + (chunk * CodePanel.COLUMNS + from) / 16;
        return length == 16 ? x.sums()[at] : x.sums()[at] + x.sums()[at + 1];
    }
}
