package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.LaneKernels.LANES;
import static dev.juggler.backend.cpusimd.LaneKernels.PANEL_ROWS;
import static dev.juggler.backend.cpusimd.WorkerScratch.RUN;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.quant.BlockFormats;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Matrix kernels for every stored type: a panel of a few weight rows is decoded run by run into the
 * L1 cache and multiplied there with all rows of x. The decoded values are exact and the sums F32,
 * so the only error is that of F32 sums.
 */
final class PanelKernels implements MatrixKernels {
    /** Rows of a panel are a bit further apart than a run: not all in one set of the cache. */
    private static final int PANEL_STRIDE = RUN + LANES;

    /** Rows of x up to which a weight row is multiplied by itself. */
    private static final int FEW = 3;

    private static final int PAIR_LANES = 2 * PANEL_ROWS * LANES;

    private final LaneKernels loops;
    private final Map<DType, RowDecoder> decoders = new EnumMap<>(DType.class);

    PanelKernels(LaneKernels loops) {
        this.loops = loops;
        for (DType dtype : BlockFormats.types()) {
            RowDecoder decoder = loops.decoder(dtype);
            decoders.put(dtype, decoder != null ? decoder : ScalarDecoders.of(dtype));
        }
    }

    @Override
    public Set<DType> weightTypes() {
        return BlockFormats.types();
    }

    @Override
    public int roundedBlock(DType weight) {
        return 0;
    }

    @Override
    public int panelRows() {
        return PANEL_ROWS;
    }

    @Override
    public RowDecoder decoder(DType dtype) {
        @Nullable RowDecoder decoder = decoders.get(dtype);
        if (decoder == null) {
            throw new IllegalArgumentException(dtype + " holds no weights");
        }
        return decoder;
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
        // A panel of short rows is read from front to back too.
        if (xCount <= FEW && weight.columns() > RUN) {
            multiplyFew(weight, firstRow, rowCount, x, firstX, xCount, out, scratch);
            return;
        }
        for (int row = 0; row < rowCount; row += PANEL_ROWS) {
            int height = Math.min(PANEL_ROWS, rowCount - row);
            for (int j = 0; j < xCount; j += Inputs.BLOCK) {
                int width = Math.min(Inputs.BLOCK, xCount - j);
                float[] lanes =
                        scratch.floats(WorkerScratch.Use.LANES, (Inputs.BLOCK / 2) * PAIR_LANES);
                sumPanel(weight, firstRow + row, height, x, firstX + j, width, lanes, scratch);
                for (int c = 0; c < width; c++) {
                    int at = (j + c) * rowCount + row;
                    for (int i = 0; i < height; i++) {
                        out[at + i] = LaneSums.of(lanes, (c * PANEL_ROWS + i) * LANES);
                    }
                }
            }
        }
    }

    /**
     * One weight row after the other, so that memory is read from front to back without a jump:
     * with few rows of x the time goes into waiting for it.
     */
    private void multiplyFew(
            WeightRows weight,
            long firstRow,
            int rowCount,
            Inputs x,
            int firstX,
            int xCount,
            float[] out,
            WorkerScratch scratch) {
        RowDecoder decoder = decoder(weight.dtype());
        float[] panel = scratch.floats(WorkerScratch.Use.PANEL, PANEL_ROWS * PANEL_STRIDE);
        float[] lanes = scratch.floats(WorkerScratch.Use.LANES, FEW * LANES);
        int columns = weight.columns();
        for (int row = 0; row < rowCount; row++) {
            Arrays.fill(lanes, 0, xCount * LANES, 0f);
            long start = weight.rowStart(firstRow + row);
            for (int from = 0; from < columns; from += RUN) {
                int length = Math.min(RUN, columns - from);
                int padded = Operands.padded(length);
                long source = start + weight.dtype().bytes(from);
                decoder.decode(weight.memory(), source, panel, 0, length, scratch);
                Arrays.fill(panel, length, padded, 0f);
                for (int c = 0; c < xCount; c++) {
                    int first = x.start(firstX + c) + from;
                    loops.dot(panel, 0, x.values(), first, padded, lanes, c * LANES);
                }
            }
            for (int c = 0; c < xCount; c++) {
                out[c * rowCount + row] = LaneSums.of(lanes, c * LANES);
            }
        }
    }

    /** Partial sums of {@code height} rows of the weight with {@code width} rows of x. */
    private void sumPanel(
            WeightRows weight,
            long firstRow,
            int height,
            Inputs x,
            int firstX,
            int width,
            float[] lanes,
            WorkerScratch scratch) {
        Arrays.fill(lanes, 0, (width + 1) / 2 * PAIR_LANES, 0f);
        RowDecoder decoder = decoder(weight.dtype());
        float[] panel = scratch.floats(WorkerScratch.Use.PANEL, PANEL_ROWS * PANEL_STRIDE);
        int columns = weight.columns();
        for (int from = 0; from < columns; from += RUN) {
            int length = Math.min(RUN, columns - from);
            int padded = Operands.padded(length);
            long skip = weight.dtype().bytes(from);
            for (int i = 0; i < height; i++) {
                int at = i * PANEL_STRIDE;
                long source = weight.rowStart(firstRow + i) + skip;
                decoder.decode(weight.memory(), source, panel, at, length, scratch);
                Arrays.fill(panel, at + length, at + padded, 0f);
            }
            multiplyRun(panel, x, firstX, width, from, padded, lanes);
        }
    }

    private void multiplyRun(
            float[] panel, Inputs x, int firstX, int width, int from, int length, float[] lanes) {
        float[] values = x.values();
        int c = 0;
        for (; c + 1 < width; c += 2) {
            int first = x.start(firstX + c) + from;
            int second = x.start(firstX + c + 1) + from;
            loops.dotPairs(
                    panel,
                    0,
                    PANEL_STRIDE,
                    values,
                    first,
                    second,
                    length,
                    lanes,
                    c / 2 * PAIR_LANES);
        }
        if (c < width) {
            int first = x.start(firstX + c) + from;
            loops.dots(panel, 0, PANEL_STRIDE, values, first, length, lanes, c / 2 * PAIR_LANES);
        }
    }
}
