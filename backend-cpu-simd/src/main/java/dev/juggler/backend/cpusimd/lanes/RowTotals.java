package dev.juggler.backend.cpusimd.lanes;

import dev.juggler.backend.cpusimd.CodePanel;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** From partial sums of the blocks of eight rows to the eight results. */
final class RowTotals {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_256;
    private static final int SIDE = CodePanel.ALONG;

    private static final VectorMask<Integer> ODD = VectorMask.fromLong(INTS, 0xAA);
    private static final VectorMask<Integer> ODD_PAIRS = VectorMask.fromLong(INTS, 0xCC);
    private static final VectorMask<Integer> UPPER = VectorMask.fromLong(INTS, 0xF0);
    private static final VectorShuffle<Integer> SWAP =
            VectorShuffle.fromValues(INTS, 1, 0, 3, 2, 5, 4, 7, 6);
    private static final VectorShuffle<Integer> SWAP_PAIRS =
            VectorShuffle.fromValues(INTS, 2, 3, 0, 1, 6, 7, 4, 5);
    private static final VectorShuffle<Integer> SWAP_HALVES =
            VectorShuffle.fromValues(INTS, 4, 5, 6, 7, 0, 1, 2, 3);

    private RowTotals() {}

    /**
     * {@code totals[8b + r]} becomes the sum of the eight elements of {@code partials} from {@code
     * 16(r · blocks + b)} and of the eight behind them: two vectors at a time are added so that
     * each keeps half of its lanes.
     */
    static void sum(int[] partials, int blocks, int[] totals) {
        int row = blocks * 2 * SIDE;
        for (int b = 0; b < blocks; b++) {
            int i = b * 2 * SIDE;
            IntVector a = halves(partials, i);
            IntVector e = halves(partials, i + 4 * row);
            IntVector s0 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            a = halves(partials, i + row);
            e = halves(partials, i + 5 * row);
            IntVector s1 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            a = halves(partials, i + 2 * row);
            e = halves(partials, i + 6 * row);
            IntVector s2 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            a = halves(partials, i + 3 * row);
            e = halves(partials, i + 7 * row);
            IntVector s3 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            s0 = s0.blend(s2, ODD_PAIRS).add(s2.blend(s0, ODD_PAIRS).rearrange(SWAP_PAIRS));
            s1 = s1.blend(s3, ODD_PAIRS).add(s3.blend(s1, ODD_PAIRS).rearrange(SWAP_PAIRS));
            s0.blend(s1, ODD).add(s1.blend(s0, ODD).rearrange(SWAP)).intoArray(totals, b * SIDE);
        }
    }

    /** As {@link #sum} with eight elements a block, from {@code 8(r · blocks + b)}. */
    static void sumSmall(int[] partials, int blocks, int[] totals) {
        int row = blocks * SIDE;
        for (int b = 0; b < blocks; b++) {
            int i = b * SIDE;
            IntVector a = IntVector.fromArray(INTS, partials, i);
            IntVector e = IntVector.fromArray(INTS, partials, i + 4 * row);
            IntVector s0 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            a = IntVector.fromArray(INTS, partials, i + row);
            e = IntVector.fromArray(INTS, partials, i + 5 * row);
            IntVector s1 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            a = IntVector.fromArray(INTS, partials, i + 2 * row);
            e = IntVector.fromArray(INTS, partials, i + 6 * row);
            IntVector s2 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            a = IntVector.fromArray(INTS, partials, i + 3 * row);
            e = IntVector.fromArray(INTS, partials, i + 7 * row);
            IntVector s3 = a.blend(e, UPPER).add(e.blend(a, UPPER).rearrange(SWAP_HALVES));
            s0 = s0.blend(s2, ODD_PAIRS).add(s2.blend(s0, ODD_PAIRS).rearrange(SWAP_PAIRS));
            s1 = s1.blend(s3, ODD_PAIRS).add(s3.blend(s1, ODD_PAIRS).rearrange(SWAP_PAIRS));
            s0.blend(s1, ODD).add(s1.blend(s0, ODD).rearrange(SWAP)).intoArray(totals, b * SIDE);
        }
    }

    /** Adds totals times their scales, block after block, to eight results. */
    static void add(CodePanel sums, float[] xScales, int xAt, int blocks, float[] results, int at) {
        int[] totals = sums.totals;
        int[] halves = sums.totalHalves;
        FloatVector result = FloatVector.fromArray(FLOATS, results, at);
        for (int b = 0; b < blocks; b++) {
            FloatVector scale = low(halves, b * SIDE).mul(xScales[xAt + b]);
            result = floats(totals, b * SIDE).fma(scale, result);
        }
        result.intoArray(results, at);
    }

    /**
     * As {@link #add} with blocks of 32, whose codes are too large by {@code offset}.
     *
     * @param xSums sums of x, of a block each
     */
    static void addSmall(
            CodePanel sums,
            int offset,
            int[] xSums,
            int xSumsAt,
            float[] xScales,
            int xAt,
            int blocks,
            float[] results,
            int at) {
        int[] totals = sums.totals;
        float[] scales = sums.totalScales;
        FloatVector result = FloatVector.fromArray(FLOATS, results, at);
        for (int b = 0; b < blocks; b++) {
            FloatVector scale =
                    FloatVector.fromArray(FLOATS, scales, b * SIDE).mul(xScales[xAt + b]);
            IntVector total =
                    IntVector.fromArray(INTS, totals, b * SIDE).sub(offset * xSums[xSumsAt + b]);
            result = ((FloatVector) total.convert(VectorOperators.I2F, 0)).fma(scale, result);
        }
        result.intoArray(results, at);
    }

    /** As {@link #addSmall} without an offset, each time adding the minimum times x's sum. */
    static void addSmallAndMinimums(
            CodePanel sums,
            float[] minimums,
            int[] xSums,
            int xSumsAt,
            float[] xScales,
            int xAt,
            int blocks,
            float[] results,
            int at) {
        int[] totals = sums.totals;
        float[] scales = sums.totalScales;
        FloatVector result = FloatVector.fromArray(FLOATS, results, at);
        for (int b = 0; b < blocks; b++) {
            float xScale = xScales[xAt + b];
            FloatVector scale = FloatVector.fromArray(FLOATS, scales, b * SIDE).mul(xScale);
            FloatVector minimum = FloatVector.fromArray(FLOATS, minimums, b * SIDE).mul(xScale);
            result = floats(totals, b * SIDE).fma(scale, result);
            result = minimum.fma(FloatVector.broadcast(FLOATS, xSums[xSumsAt + b]), result);
        }
        result.intoArray(results, at);
    }

    /** As {@link #add}, each time subtracting the minimums, whose scales are the upper halves. */
    static void addAndSubtract(
            CodePanel sums,
            CodePanel minimums,
            float[] xScales,
            int xAt,
            int blocks,
            float[] results,
            int at) {
        int[] totals = sums.totals;
        int[] minimumTotals = minimums.totals;
        int[] halves = sums.totalHalves;
        FloatVector result = FloatVector.fromArray(FLOATS, results, at);
        for (int b = 0; b < blocks; b++) {
            float xScale = xScales[xAt + b];
            FloatVector scale = low(halves, b * SIDE).mul(xScale);
            result = floats(totals, b * SIDE).fma(scale, result);
            IntVector both = IntVector.fromArray(INTS, halves, b * SIDE);
            scale = widened(both.lanewise(VectorOperators.LSHR, 16)).mul(-xScale);
            result = floats(minimumTotals, b * SIDE).fma(scale, result);
        }
        result.intoArray(results, at);
    }

    private static IntVector halves(int[] partials, int at) {
        return IntVector.fromArray(INTS, partials, at)
                .add(IntVector.fromArray(INTS, partials, at + SIDE));
    }

    private static FloatVector low(int[] halves, int at) {
        return widened(IntVector.fromArray(INTS, halves, at).and(0xFFFF));
    }

    /**
     * Halves in the lower bits as floats. Their exponent is too small by 112 where it is that of a
     * float; infinity and what is no number have the largest, and keep it.
     */
    private static FloatVector widened(IntVector halves) {
        IntVector magnitude = halves.and(0x7FFF).lanewise(VectorOperators.LSHL, 13);
        IntVector finite = magnitude.reinterpretAsFloats().mul(0x1p112f).reinterpretAsInts();
        return finite.blend(
                        magnitude.or(0x7F800000),
                        magnitude.compare(VectorOperators.GE, 0x7C00 << 13))
                .or(halves.and(0x8000).lanewise(VectorOperators.LSHL, 16))
                .reinterpretAsFloats();
    }

    private static FloatVector floats(int[] values, int at) {
        return (FloatVector) IntVector.fromArray(INTS, values, at).convert(VectorOperators.I2F, 0);
    }
}
