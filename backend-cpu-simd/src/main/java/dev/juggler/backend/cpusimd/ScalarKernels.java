package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import org.jspecify.annotations.Nullable;

/**
 * The definition of {@link LaneKernels} in plain loops over arrays. It also does the work of the
 * first moments of a process: vector code that is not compiled yet is a hundred times slower than
 * these loops are.
 */
final class ScalarKernels implements LaneKernels {
    /** Weight rows of a panel of {@link #codes()}. */
    private static final int HEIGHT = 8;

    private final CodeLoops codes = new ScalarCodeLoops(HEIGHT);

    @Override
    public CodeLoops codes() {
        return codes;
    }

    @Override
    public @Nullable RowDecoder decoder(DType dtype) {
        return ScalarDecoders.of(dtype);
    }

    @Override
    public void dotPairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes,
            int at) {
        dots(w, wAt, stride, x, first, length, lanes, at);
        dots(w, wAt, stride, x, second, length, lanes, at + PANEL_ROWS * LANES);
    }

    @Override
    public void dots(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int length,
            float[] lanes,
            int at) {
        for (int row = 0; row < PANEL_ROWS; row++) {
            dot(w, wAt + row * stride, x, first, length, lanes, at + row * LANES);
        }
    }

    @Override
    public void dot(float[] w, int wAt, float[] x, int first, int length, float[] lanes, int at) {
        for (int lane = 0; lane < LANES; lane += 4) {
            fourLanes(w, wAt, x, first, lane, length, lanes, at + lane);
        }
    }

    /** Four partial sums in local variables: even simple compilers keep those in registers. */
    private static void fourLanes(
            float[] w, int wAt, float[] x, int xAt, int lane, int length, float[] lanes, int at) {
        float s0 = lanes[at];
        float s1 = lanes[at + 1];
        float s2 = lanes[at + 2];
        float s3 = lanes[at + 3];
        for (int k = lane; k < length; k += LANES) {
            s0 = Math.fma(w[wAt + k], x[xAt + k], s0);
            s1 = Math.fma(w[wAt + k + 1], x[xAt + k + 1], s1);
            s2 = Math.fma(w[wAt + k + 2], x[xAt + k + 2], s2);
            s3 = Math.fma(w[wAt + k + 3], x[xAt + k + 3], s3);
        }
        lanes[at] = s0;
        lanes[at + 1] = s1;
        lanes[at + 2] = s2;
        lanes[at + 3] = s3;
    }

    @Override
    public void addWeightedRows(
            float[] factors,
            int factorsAt,
            int count,
            float[] rows,
            int rowsAt,
            int stride,
            float[] sums,
            int sumsAt,
            int width) {
        for (int j = 0; j < count; j++) {
            float factor = factors[factorsAt + j];
            int row = rowsAt + j * stride;
            for (int c = 0; c < width; c++) {
                sums[sumsAt + c] = Math.fma(factor, rows[row + c], sums[sumsAt + c]);
            }
        }
    }

    @Override
    public void exp(float[] values, int at, int count, float minus) {
        for (int i = at; i < at + count; i++) {
            values[i] = Exponential.of(values[i] - minus);
        }
    }

    @Override
    public void gate(
            float[] gate,
            int gateAt,
            float[] up,
            int upAt,
            int count,
            float alpha,
            float limit,
            float shift) {
        for (int i = 0; i < count; i++) {
            float g = Math.min(gate[gateAt + i], limit);
            float u = Math.min(Math.max(up[upAt + i], -limit), limit);
            float sigmoid = 1f / (1f + Exponential.of(-alpha * g));
            gate[gateAt + i] = g * sigmoid * (u + shift);
        }
    }
}
