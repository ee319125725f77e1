package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.toFloats;

import dev.juggler.backend.cpusimd.CodePanel;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Brings sums of integers to scale and adds them to results. */
final class CodeSums {
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

    /**
     * As {@link #add} with four rows of x: the left panel's four sums, then the right one's.
     *
     * @param x0 where the scale of the first row is in {@code xScales}, and so on
     * @param r0 where its results are, and so on
     */
    static void addFour(
            int[] sums,
            float[] left,
            float[] right,
            float[] xScales,
            int x0,
            int x1,
            int x2,
            int x3,
            float[] results,
            int r0,
            int r1,
            int r2,
            int r3) {
        FloatVector l = FloatVector.fromArray(FLOATS, left, 0);
        FloatVector r = FloatVector.fromArray(FLOATS, right, 0);
        FloatVector x = FloatVector.broadcast(FLOATS, xScales[x0]);
        toFloats(IntVector.fromArray(INTS, sums, 0))
                .fma(l.mul(x), FloatVector.fromArray(FLOATS, results, r0))
                .intoArray(results, r0);
        toFloats(IntVector.fromArray(INTS, sums, 4 * LENGTH))
                .fma(r.mul(x), FloatVector.fromArray(FLOATS, results, r0 + LENGTH))
                .intoArray(results, r0 + LENGTH);
        x = FloatVector.broadcast(FLOATS, xScales[x1]);
        toFloats(IntVector.fromArray(INTS, sums, LENGTH))
                .fma(l.mul(x), FloatVector.fromArray(FLOATS, results, r1))
                .intoArray(results, r1);
        toFloats(IntVector.fromArray(INTS, sums, 5 * LENGTH))
                .fma(r.mul(x), FloatVector.fromArray(FLOATS, results, r1 + LENGTH))
                .intoArray(results, r1 + LENGTH);
        x = FloatVector.broadcast(FLOATS, xScales[x2]);
        toFloats(IntVector.fromArray(INTS, sums, 2 * LENGTH))
                .fma(l.mul(x), FloatVector.fromArray(FLOATS, results, r2))
                .intoArray(results, r2);
        toFloats(IntVector.fromArray(INTS, sums, 6 * LENGTH))
                .fma(r.mul(x), FloatVector.fromArray(FLOATS, results, r2 + LENGTH))
                .intoArray(results, r2 + LENGTH);
        x = FloatVector.broadcast(FLOATS, xScales[x3]);
        toFloats(IntVector.fromArray(INTS, sums, 3 * LENGTH))
                .fma(l.mul(x), FloatVector.fromArray(FLOATS, results, r3))
                .intoArray(results, r3);
        toFloats(IntVector.fromArray(INTS, sums, 7 * LENGTH))
                .fma(r.mul(x), FloatVector.fromArray(FLOATS, results, r3 + LENGTH))
                .intoArray(results, r3 + LENGTH);
    }

    /**
     * Subtracts the integer minimums of a block, each times the sum of the run of x that it covers:
     * those of the left panel with four rows of x, then of the right one. Their sums are below 2^24
     * and so exact.
     *
     * @param runs how many there are in a block
     * @param x0 where the first run's sum is in those of the first row of x, and so on
     * @param s0 where the scale of the first row is in {@code xScales}, and so on
     * @param r0 where its results are, and so on
     */
    static void subtractFourMinimums(
            CodePanel left,
            CodePanel right,
            int runs,
            float[] x,
            int x0,
            int x1,
            int x2,
            int x3,
            float[] xScales,
            int s0,
            int s1,
            int s2,
            int s3,
            float[] results,
            int r0,
            int r1,
            int r2,
            int r3) {
        float[] first = left.minimums;
        float[] second = right.minimums;
        FloatVector a0 = FloatVector.zero(FLOATS);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        FloatVector t;
        for (int k = 0; k < runs; k++) {
            FloatVector u = FloatVector.fromArray(FLOATS, first, k * LENGTH);
            FloatVector v = FloatVector.fromArray(FLOATS, second, k * LENGTH);
            t = FloatVector.broadcast(FLOATS, x[x0 + k]);
            a0 = u.fma(t, a0);
            b0 = v.fma(t, b0);
            t = FloatVector.broadcast(FLOATS, x[x1 + k]);
            a1 = u.fma(t, a1);
            b1 = v.fma(t, b1);
            t = FloatVector.broadcast(FLOATS, x[x2 + k]);
            a2 = u.fma(t, a2);
            b2 = v.fma(t, b2);
            t = FloatVector.broadcast(FLOATS, x[x3 + k]);
            a3 = u.fma(t, a3);
            b3 = v.fma(t, b3);
        }
        FloatVector l = FloatVector.fromArray(FLOATS, left.blockMinimums, 0);
        FloatVector r = FloatVector.fromArray(FLOATS, right.blockMinimums, 0);
        t = FloatVector.broadcast(FLOATS, -xScales[s0]);
        a0.fma(l.mul(t), FloatVector.fromArray(FLOATS, results, r0)).intoArray(results, r0);
        b0.fma(r.mul(t), FloatVector.fromArray(FLOATS, results, r0 + LENGTH))
                .intoArray(results, r0 + LENGTH);
        t = FloatVector.broadcast(FLOATS, -xScales[s1]);
        a1.fma(l.mul(t), FloatVector.fromArray(FLOATS, results, r1)).intoArray(results, r1);
        b1.fma(r.mul(t), FloatVector.fromArray(FLOATS, results, r1 + LENGTH))
                .intoArray(results, r1 + LENGTH);
        t = FloatVector.broadcast(FLOATS, -xScales[s2]);
        a2.fma(l.mul(t), FloatVector.fromArray(FLOATS, results, r2)).intoArray(results, r2);
        b2.fma(r.mul(t), FloatVector.fromArray(FLOATS, results, r2 + LENGTH))
                .intoArray(results, r2 + LENGTH);
        t = FloatVector.broadcast(FLOATS, -xScales[s3]);
        a3.fma(l.mul(t), FloatVector.fromArray(FLOATS, results, r3)).intoArray(results, r3);
        b3.fma(r.mul(t), FloatVector.fromArray(FLOATS, results, r3 + LENGTH))
                .intoArray(results, r3 + LENGTH);
    }

    /** As {@link #subtractFourMinimums} with one row of x. */
    static void subtractMinimums(
            CodePanel left,
            CodePanel right,
            int runs,
            float[] x,
            int xAt,
            float xScale,
            float[] results,
            int at) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = a;
        for (int k = 0; k < runs; k++) {
            FloatVector t = FloatVector.broadcast(FLOATS, x[xAt + k]);
            a = FloatVector.fromArray(FLOATS, left.minimums, k * LENGTH).fma(t, a);
            b = FloatVector.fromArray(FLOATS, right.minimums, k * LENGTH).fma(t, b);
        }
        FloatVector scale = FloatVector.fromArray(FLOATS, left.blockMinimums, 0).mul(-xScale);
        a.fma(scale, FloatVector.fromArray(FLOATS, results, at)).intoArray(results, at);
        scale = FloatVector.fromArray(FLOATS, right.blockMinimums, 0).mul(-xScale);
        b.fma(scale, FloatVector.fromArray(FLOATS, results, at + LENGTH))
                .intoArray(results, at + LENGTH);
    }
}
