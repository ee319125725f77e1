package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.XOR;

import dev.juggler.backend.cpusimd.CodeLoops;
import dev.juggler.backend.cpusimd.LaneKernels;
import dev.juggler.backend.cpusimd.RowDecoder;
import dev.juggler.kernel.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.jspecify.annotations.Nullable;

/** {@link LaneKernels} on vectors of this loader's width. */
public final class VectorKernels implements LaneKernels {
    private static final int INFINITY_BITS = 0x7F800000;
    private static final VectorSpecies<Float> EIGHT = FloatVector.SPECIES_256;
    private static final VectorShuffle<Float> BY_FOUR = VectorShuffle.fromOp(EIGHT, i -> i ^ 4);
    private static final VectorShuffle<Float> BY_TWO = VectorShuffle.fromOp(EIGHT, i -> i ^ 2);
    private static final VectorShuffle<Float> BY_ONE = VectorShuffle.fromOp(EIGHT, i -> i ^ 1);

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
    public void scaledPairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes,
            float factor,
            float[] out,
            int firstOut,
            int secondOut) {
        if (LENGTH < LANES) {
            LaneKernels.super.scaledPairs(
                    w, wAt, stride, x, first, second, length, lanes, factor, out, firstOut,
                    secondOut);
            return;
        }
        DotLoops.freshPairs(w, wAt, stride, x, first, second, length, lanes);
        for (int i = 0; i < 2 * PANEL_ROWS; i += LaneTrees.ROWS) {
            LaneTrees.addFour(lanes, i * LANES, i);
        }
        for (int i = 0; i < PANEL_ROWS; i++) {
            out[firstOut + i] = factor * lanes[i];
            out[secondOut + i] = factor * lanes[PANEL_ROWS + i];
        }
    }

    @Override
    public float largest(float[] values, int at, int count) {
        // As integers, in whose order negative numbers have all bits but the sign turned over.
        IntVector most = IntVector.broadcast(INTS, Integer.MIN_VALUE);
        IntVector magnitude = IntVector.zero(INTS);
        for (int i = at; i < at + count; i += LENGTH) {
            IntVector bits = FloatVector.fromArray(FLOATS, values, i).reinterpretAsInts();
            IntVector turned = bits.lanewise(ASHR, 31).lanewise(LSHR, 1);
            most = most.max(bits.lanewise(XOR, turned));
            magnitude = magnitude.max(bits.and(Integer.MAX_VALUE));
        }
        if (magnitude.reduceLanes(MAX) > INFINITY_BITS) {
            return Float.NaN;
        }
        int order = most.reduceLanes(MAX);
        return Float.intBitsToFloat(order ^ ((order >> 31) >>> 1));
    }

    @Override
    public float sum(float[] values, int at, int count) {
        if (LENGTH < 8) {
            return LaneKernels.super.sum(values, at, count);
        }
        FloatVector sums = FloatVector.zero(EIGHT);
        for (int i = at; i < at + count; i += 8) {
            sums = sums.add(FloatVector.fromArray(EIGHT, values, i));
        }
        sums = sums.add(sums.rearrange(BY_FOUR));
        sums = sums.add(sums.rearrange(BY_TWO));
        return sums.add(sums.rearrange(BY_ONE)).lane(0);
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
        for (; c + 8 * LENGTH <= width; c += 8 * LENGTH) {
            DotLoops.weightedOctets(
                    factors, factorsAt, count, rows, rowsAt + c, stride, sums, sumsAt + c);
        }
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
