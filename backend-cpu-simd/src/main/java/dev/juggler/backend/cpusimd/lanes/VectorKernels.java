package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.CodeLoops;
import dev.juggler.backend.cpusimd.LaneKernels;
import dev.juggler.backend.cpusimd.RowDecoder;
import dev.juggler.kernel.DType;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/** {@link LaneKernels} on vectors of this loader's width. */
public final class VectorKernels implements LaneKernels {
    private final CodeLoops codes = new VectorCodeLoops();

    public VectorKernels() {}

    @Override
    public CodeLoops codes() {
        return codes;
    }

    @Override
    public @Nullable RowDecoder decoder(DType dtype) {
        return VectorDecoders.of(dtype);
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
        for (int lane = 0; lane < LANES; lane += LENGTH) {
            DotLoops.pairs(w, wAt, stride, x, first, second, lane, length, lanes, at + lane);
        }
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
        for (int lane = 0; lane < LANES; lane += LENGTH) {
            DotLoops.singles(w, wAt, stride, x, first, lane, length, lanes, at + lane);
        }
    }

    @Override
    public void dot(float[] w, int wAt, float[] x, int first, int length, float[] lanes, int at) {
        DotLoops.row(w, wAt, x, first, length, lanes, at);
    }

    @Override
    public void addLanes(float[] lanes, int count) {
        if (LENGTH < 8) {
            LaneKernels.super.addLanes(lanes, count);
            return;
        }
        for (int i = 0; i < count; i += LaneTrees.ROWS) {
            LaneTrees.addFour(lanes, i * LANES, i);
        }
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
        int c = 0;
        for (; c + 4 * LENGTH <= width; c += 4 * LENGTH) {
            DotLoops.weightedQuads(
                    factors, factorsAt, count, rows, rowsAt + c, stride, sums, sumsAt + c);
        }
        for (; c < width; c += LENGTH) {
            DotLoops.weighted(
                    factors, factorsAt, count, rows, rowsAt + c, stride, sums, sumsAt + c);
        }
    }

    @Override
    public void exp(float[] values, int at, int count, float minus) {
        for (int i = at; i < at + count; i += LENGTH) {
            VectorExponential.of(FloatVector.fromArray(FLOATS, values, i).sub(minus))
                    .intoArray(values, i);
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
        for (int i = 0; i < count; i += LENGTH) {
            FloatVector g = FloatVector.fromArray(FLOATS, gate, gateAt + i).min(limit);
            FloatVector u = FloatVector.fromArray(FLOATS, up, upAt + i).max(-limit).min(limit);
            FloatVector sum = VectorExponential.of(g.mul(-alpha)).add(1f);
            FloatVector sigmoid = FloatVector.broadcast(FLOATS, 1f).div(sum);
            g.mul(sigmoid).mul(u.add(shift)).intoArray(gate, gateAt + i);
        }
    }
}
