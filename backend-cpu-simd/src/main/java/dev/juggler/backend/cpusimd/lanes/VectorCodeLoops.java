package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodeLoops;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.lang.foreign.MemorySegment;

/** {@link CodeLoops} on vectors of this loader's width: a panel has a row for each lane. */
final class VectorCodeLoops implements CodeLoops {
    private static final int RUNS = CodePanel.COLUMNS / CodePanel.RUN;

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
        if (count > 2 && !format.hasInnerScales() && !RunProducts.holdsBlock(format)) {
            CodeFilling.floats(left.codes, runs * CodePanel.RUN / 2, left.floats);
            CodeFilling.floats(right.codes, runs * CodePanel.RUN / 2, right.floats);
        }
        if (count > 2 && format.hasInnerScales() && format.isWide()) {
            CodeFilling.split(left);
            CodeFilling.split(right);
        }
        // Rows that are left over are taken one by one; three cost less as four.
        int j = 0;
        while (j < count) {
            int tile = count - j > 2 ? Math.min(TILE, count - j) : 1;
            left.ahead.touch();
            if (format.hasInnerScales()) {
                BlockProducts.block(format, left, right, chunk, x, rows, j, tile, results);
            } else if (tile > 1 && RunProducts.holdsBlock(format)) {
                RunProducts.fourRowsOfBlocks(
                        format, left, right, chunk, runs, x, rows, j, tile, results);
            } else if (tile > 1) {
                RunProducts.fourRowsOfRuns(
                        format, left, right, chunk, runs, x, rows, j, tile, results);
            } else {
                for (int run = 0; run < runs; run++) {
                    RunProducts.oneRun(
                            format, left, right, chunk * RUNS + run, run, x, rows[j], j, results);
                }
            }
            j += tile;
        }
    }
}
