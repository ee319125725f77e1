package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.toFloats;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Brings sums of integers to scale and adds them to results. */
final class CodeSums {
    /** Minimums that are met at once. */
    static final int RUNS = 8;

    private CodeSums() {}

    /** {@code results[at + i] += sums[sumsAt + i] · scales[scalesAt + i] · xScale}. */
    static void add(
            int[] sums,
            int sumsAt,
            float[] scales,
            int scalesAt,
            float xScale,
            float[] results,
            int at) {
        FloatVector scale = FloatVector.fromArray(FLOATS, scales, scalesAt).mul(xScale);
        toFloats(IntVector.fromArray(INTS, sums, sumsAt))
                .fma(scale, FloatVector.fromArray(FLOATS, results, at))
                .intoArray(results, at);
    }

    /** As {@link #add} with sums that are floats already. */
    static void addFloats(
            float[] sums,
            int sumsAt,
            float[] scales,
            int scalesAt,
            float xScale,
            float[] results,
            int at) {
        FloatVector scale = FloatVector.fromArray(FLOATS, scales, scalesAt).mul(xScale);
        FloatVector.fromArray(FLOATS, sums, sumsAt)
                .fma(scale, FloatVector.fromArray(FLOATS, results, at))
                .intoArray(results, at);
    }

    /** {@code results[at + i] += xSum · minimums[minimumsAt + i] · xScale}. */
    static void addMinimums(
            int xSum, float[] minimums, int minimumsAt, float xScale, float[] results, int at) {
        FloatVector minimum = FloatVector.fromArray(FLOATS, minimums, minimumsAt).mul(xScale);
        FloatVector.broadcast(FLOATS, (float) xSum)
                .fma(minimum, FloatVector.fromArray(FLOATS, results, at))
                .intoArray(results, at);
    }

    /** As {@link #add}, subtracting. */
    static void subtract(
            int[] sums,
            int sumsAt,
            float[] scales,
            int scalesAt,
            float xScale,
            float[] results,
            int at) {
        FloatVector scale = FloatVector.fromArray(FLOATS, scales, scalesAt).mul(xScale);
        toFloats(IntVector.fromArray(INTS, sums, sumsAt))
                .neg()
                .fma(scale, FloatVector.fromArray(FLOATS, results, at))
                .intoArray(results, at);
    }

    /**
     * Adds the minimums of eight runs, each times the sum of a run of x: of the left panel with
     * four rows of x, then of the right one.
     *
     * @param at where the first of the runs is in the panels
     * @param x0 where it is in the sums of the first row of x, and so on
     */
    static void fourMinimums(
            int[] left, int[] right, int at, int[] x, int x0, int x1, int x2, int x3, int[] sums) {
        IntVector a0 = IntVector.fromArray(INTS, sums, 0);
        IntVector a1 = IntVector.fromArray(INTS, sums, LENGTH);
        IntVector a2 = IntVector.fromArray(INTS, sums, 2 * LENGTH);
        IntVector a3 = IntVector.fromArray(INTS, sums, 3 * LENGTH);
        IntVector b0 = IntVector.fromArray(INTS, sums, 4 * LENGTH);
        IntVector b1 = IntVector.fromArray(INTS, sums, 5 * LENGTH);
        IntVector b2 = IntVector.fromArray(INTS, sums, 6 * LENGTH);
        IntVector b3 = IntVector.fromArray(INTS, sums, 7 * LENGTH);
        for (int k = 0; k < RUNS; k++) {
            IntVector u = IntVector.fromArray(INTS, left, at + k * LENGTH);
            IntVector v = IntVector.fromArray(INTS, right, at + k * LENGTH);
            IntVector t = IntVector.broadcast(INTS, x[x0 + k]);
            a0 = a0.add(u.mul(t));
            b0 = b0.add(v.mul(t));
            t = IntVector.broadcast(INTS, x[x1 + k]);
            a1 = a1.add(u.mul(t));
            b1 = b1.add(v.mul(t));
            t = IntVector.broadcast(INTS, x[x2 + k]);
            a2 = a2.add(u.mul(t));
            b2 = b2.add(v.mul(t));
            t = IntVector.broadcast(INTS, x[x3 + k]);
            a3 = a3.add(u.mul(t));
            b3 = b3.add(v.mul(t));
        }
        a0.intoArray(sums, 0);
        a1.intoArray(sums, LENGTH);
        a2.intoArray(sums, 2 * LENGTH);
        a3.intoArray(sums, 3 * LENGTH);
        b0.intoArray(sums, 4 * LENGTH);
        b1.intoArray(sums, 5 * LENGTH);
        b2.intoArray(sums, 6 * LENGTH);
        b3.intoArray(sums, 7 * LENGTH);
    }

    /** As {@link #fourMinimums} with one row of x: sums are in places 0 and 4. */
    static void oneMinimums(int[] left, int[] right, int at, int[] x, int x0, int[] sums) {
        IntVector a = IntVector.fromArray(INTS, sums, 0);
        IntVector b = IntVector.fromArray(INTS, sums, 4 * LENGTH);
        for (int k = 0; k < RUNS; k++) {
            IntVector t = IntVector.broadcast(INTS, x[x0 + k]);
            a = a.add(IntVector.fromArray(INTS, left, at + k * LENGTH).mul(t));
            b = b.add(IntVector.fromArray(INTS, right, at + k * LENGTH).mul(t));
        }
        a.intoArray(sums, 0);
        b.intoArray(sums, 4 * LENGTH);
    }
}
