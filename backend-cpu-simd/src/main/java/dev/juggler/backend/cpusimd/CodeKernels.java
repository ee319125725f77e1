package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Matrix kernels that multiply the integer codes of quantized weights with activations of 8 bits,
 * in Java, and leave all else to others: types without such codes, and rows of x that were not
 * rounded. The arithmetic is that of the native kernels.
 */
final class CodeKernels implements MatrixKernels {
    /** Rows of x that are held against a panel before it is taken apart again; whole tiles. */
    static final int MOST_X = 128;

    private final CodeLoops loops;
    private final MatrixKernels others;
    private final int panelRows;

    CodeKernels(CodeLoops loops, MatrixKernels others) {
        this.loops = loops;
        this.others = others;
        // Two panels at once, and whole panels of the others.
        int rows = 2 * loops.height();
        while (rows % others.panelRows() != 0) {
            rows += 2 * loops.height();
        }
        panelRows = rows;
    }

    @Override
    public Set<DType> weightTypes() {
        return others.weightTypes();
    }

    @Override
    public int roundedBlock(DType weight) {
        @Nullable CodeFormat format = CodeFormat.of(weight);
        return format == null ? 0 : format.blockElements();
    }

    @Override
    public int panelRows() {
        return panelRows;
    }

    @Override
    public RowDecoder decoder(DType dtype) {
        return others.decoder(dtype);
    }

    @Override
    public void multiply(
            WeightRows weight,
            long firstRow,
            int rowCount,
            Inputs x,
            int firstX,
            int xCount,
            float[] out,
            WorkerScratch scratch) {
        @Nullable CodeFormat format = CodeFormat.of(weight.dtype());
        @Nullable RoundedRows rounded = x.rounded(roundedBlock(weight.dtype()));
        if (format == null || rounded == null) {
            others.multiply(weight, firstRow, rowCount, x, firstX, xCount, out, scratch);
            return;
        }
        int width = 2 * loops.height();
        float[] results = scratch.floats(WorkerScratch.Use.LANES, MOST_X * width);
        for (int j = 0; j < xCount; j += MOST_X) {
            int count = Math.min(MOST_X, xCount - j);
            for (int i = 0; i < count; i++) {
                scratch.rows[i] = x.stored(firstX + j + i);
            }
            for (int row = 0; row < rowCount; row += width) {
                int height = Math.min(width, rowCount - row);
                Arrays.fill(results, 0, count * width, 0f);
                int next = Math.min(width, rowCount - row - height);
                multiplyPanels(
                        format,
                        weight,
                        firstRow + row,
                        height,
                        next,
                        rounded,
                        count,
                        results,
                        scratch);
                for (int i = 0; i < count; i++) {
                    System.arraycopy(results, i * width, out, (j + i) * rowCount + row, height);
                }
            }
        }
    }

    /**
     * Adds products of some weight rows, one panel or two, to results.
     *
     * @param next how many rows behind these are wanted next
     */
    private void multiplyPanels(
            CodeFormat format,
            WeightRows weight,
            long firstRow,
            int height,
            int next,
            RoundedRows x,
            int count,
            float[] results,
            WorkerScratch scratch) {
        CodePanel left = scratch.panels(loops.height())[0];
        CodePanel right = scratch.panels(loops.height())[1];
        long stride = weight.rowBytes();
        if (count <= CodeLoops.FEW) {
            for (int from = 0; from < weight.columns(); from += CodePanel.MOST_ROW_COLUMNS) {
                loops.multiplyFew(
                        format,
                        weight.memory(),
                        weight.rowStart(firstRow) + format.bytes(from),
                        stride,
                        height,
                        left,
                        right,
                        from / CodePanel.COLUMNS,
                        Math.min(CodePanel.MOST_ROW_COLUMNS, weight.columns() - from),
                        x,
                        scratch.rows,
                        count,
                        results);
            }
            return;
        }
        long ahead = weight.rowStart(firstRow + height);
        int chunks = (weight.columns() + CodePanel.COLUMNS - 1) / CodePanel.COLUMNS;
        int tiles = (count + CodeLoops.TILE - 1) / CodeLoops.TILE;
        left.ahead.set(weight.memory(), ahead, ahead + next * stride, chunks * tiles);
        for (int from = 0; from < weight.columns(); from += CodePanel.COLUMNS) {
            int columns = Math.min(CodePanel.COLUMNS, weight.columns() - from);
            int runs = columns / CodePanel.RUN;
            int chunk = from / CodePanel.COLUMNS;
            long start = weight.rowStart(firstRow) + format.bytes(from);
            loops.fillBoth(format, weight.memory(), start, stride, height, runs, left, right);
            loops.multiply(format, left, right, chunk, runs, x, scratch.rows, count, results);
        }
    }
}
