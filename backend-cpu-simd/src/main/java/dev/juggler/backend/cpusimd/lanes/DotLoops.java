package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.LaneKernels.LANES;
import static dev.juggler.backend.cpusimd.LaneKernels.PANEL_ROWS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import jdk.incubator.vector.FloatVector;

/**
 * Register-blocked multiply-add loops. Six rows by two vectors are twelve accumulators, two
 * operands and one loaded weight: all sixteen registers of AVX2, and enough independent sums to
 * hide the latency of the multiply-add. A narrower vector goes over the same run once for each part
 * of the sixteen lanes; the run is in the L1 cache.
 */
final class DotLoops {
    private DotLoops() {}

    /** Lanes {@code [lane, lane + LENGTH)} of six rows with two vectors. */
    static void pairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int lane,
            int length,
            float[] lanes,
            int at) {
        int to = at + PANEL_ROWS * LANES;
        FloatVector a0 = FloatVector.fromArray(FLOATS, lanes, at);
        FloatVector a1 = FloatVector.fromArray(FLOATS, lanes, at + LANES);
        FloatVector a2 = FloatVector.fromArray(FLOATS, lanes, at + 2 * LANES);
        FloatVector a3 = FloatVector.fromArray(FLOATS, lanes, at + 3 * LANES);
        FloatVector a4 = FloatVector.fromArray(FLOATS, lanes, at + 4 * LANES);
        FloatVector a5 = FloatVector.fromArray(FLOATS, lanes, at + 5 * LANES);
        FloatVector b0 = FloatVector.fromArray(FLOATS, lanes, to);
        FloatVector b1 = FloatVector.fromArray(FLOATS, lanes, to + LANES);
        FloatVector b2 = FloatVector.fromArray(FLOATS, lanes, to + 2 * LANES);
        FloatVector b3 = FloatVector.fromArray(FLOATS, lanes, to + 3 * LANES);
        FloatVector b4 = FloatVector.fromArray(FLOATS, lanes, to + 4 * LANES);
        FloatVector b5 = FloatVector.fromArray(FLOATS, lanes, to + 5 * LANES);
        for (int k = lane; k < length; k += LANES) {
            FloatVector u = FloatVector.fromArray(FLOATS, x, first + k);
            FloatVector v = FloatVector.fromArray(FLOATS, x, second + k);
            FloatVector row = FloatVector.fromArray(FLOATS, w, wAt + k);
            a0 = row.fma(u, a0);
            b0 = row.fma(v, b0);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + stride);
            a1 = row.fma(u, a1);
            b1 = row.fma(v, b1);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 2 * stride);
            a2 = row.fma(u, a2);
            b2 = row.fma(v, b2);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 3 * stride);
            a3 = row.fma(u, a3);
            b3 = row.fma(v, b3);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 4 * stride);
            a4 = row.fma(u, a4);
            b4 = row.fma(v, b4);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 5 * stride);
            a5 = row.fma(u, a5);
            b5 = row.fma(v, b5);
        }
        a0.intoArray(lanes, at);
        a1.intoArray(lanes, at + LANES);
        a2.intoArray(lanes, at + 2 * LANES);
        a3.intoArray(lanes, at + 3 * LANES);
        a4.intoArray(lanes, at + 4 * LANES);
        a5.intoArray(lanes, at + 5 * LANES);
        b0.intoArray(lanes, to);
        b1.intoArray(lanes, to + LANES);
        b2.intoArray(lanes, to + 2 * LANES);
        b3.intoArray(lanes, to + 3 * LANES);
        b4.intoArray(lanes, to + 4 * LANES);
        b5.intoArray(lanes, to + 5 * LANES);
    }

    /** As {@link #pairs} for all of sixteen lanes, not adding to sums but setting them. */
    static void freshPairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes) {
        int to = PANEL_ROWS * LANES;
        FloatVector a0 = FloatVector.zero(FLOATS);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector a4 = a0;
        FloatVector a5 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        FloatVector b4 = a0;
        FloatVector b5 = a0;
        for (int k = 0; k < length; k += LANES) {
            FloatVector u = FloatVector.fromArray(FLOATS, x, first + k);
            FloatVector v = FloatVector.fromArray(FLOATS, x, second + k);
            FloatVector row = FloatVector.fromArray(FLOATS, w, wAt + k);
            a0 = row.fma(u, a0);
            b0 = row.fma(v, b0);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + stride);
            a1 = row.fma(u, a1);
            b1 = row.fma(v, b1);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 2 * stride);
            a2 = row.fma(u, a2);
            b2 = row.fma(v, b2);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 3 * stride);
            a3 = row.fma(u, a3);
            b3 = row.fma(v, b3);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 4 * stride);
            a4 = row.fma(u, a4);
            b4 = row.fma(v, b4);
            row = FloatVector.fromArray(FLOATS, w, wAt + k + 5 * stride);
            a5 = row.fma(u, a5);
            b5 = row.fma(v, b5);
        }
        a0.intoArray(lanes, 0);
        a1.intoArray(lanes, LANES);
        a2.intoArray(lanes, 2 * LANES);
        a3.intoArray(lanes, 3 * LANES);
        a4.intoArray(lanes, 4 * LANES);
        a5.intoArray(lanes, 5 * LANES);
        b0.intoArray(lanes, to);
        b1.intoArray(lanes, to + LANES);
        b2.intoArray(lanes, to + 2 * LANES);
        b3.intoArray(lanes, to + 3 * LANES);
        b4.intoArray(lanes, to + 4 * LANES);
        b5.intoArray(lanes, to + 5 * LANES);
    }

    /** Lanes {@code [lane, lane + LENGTH)} of six rows with one vector. */
    static void singles(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int lane,
            int length,
            float[] lanes,
            int at) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, lanes, at);
        FloatVector a1 = FloatVector.fromArray(FLOATS, lanes, at + LANES);
        FloatVector a2 = FloatVector.fromArray(FLOATS, lanes, at + 2 * LANES);
        FloatVector a3 = FloatVector.fromArray(FLOATS, lanes, at + 3 * LANES);
        FloatVector a4 = FloatVector.fromArray(FLOATS, lanes, at + 4 * LANES);
        FloatVector a5 = FloatVector.fromArray(FLOATS, lanes, at + 5 * LANES);
        for (int k = lane; k < length; k += LANES) {
            FloatVector u = FloatVector.fromArray(FLOATS, x, first + k);
            a0 = FloatVector.fromArray(FLOATS, w, wAt + k).fma(u, a0);
            a1 = FloatVector.fromArray(FLOATS, w, wAt + k + stride).fma(u, a1);
            a2 = FloatVector.fromArray(FLOATS, w, wAt + k + 2 * stride).fma(u, a2);
            a3 = FloatVector.fromArray(FLOATS, w, wAt + k + 3 * stride).fma(u, a3);
            a4 = FloatVector.fromArray(FLOATS, w, wAt + k + 4 * stride).fma(u, a4);
            a5 = FloatVector.fromArray(FLOATS, w, wAt + k + 5 * stride).fma(u, a5);
        }
        a0.intoArray(lanes, at);
        a1.intoArray(lanes, at + LANES);
        a2.intoArray(lanes, at + 2 * LANES);
        a3.intoArray(lanes, at + 3 * LANES);
        a4.intoArray(lanes, at + 4 * LANES);
        a5.intoArray(lanes, at + 5 * LANES);
    }

    /**
     * All lanes of one row with one vector: one accumulator of 512 bits, two of 256 or four of 128;
     * the others are constants that the compiler drops.
     */
    static void row(float[] w, int wAt, float[] x, int first, int length, float[] lanes, int at) {
        FloatVector a0 = FloatVector.fromArray(FLOATS, lanes, at);
        FloatVector a1 = FloatVector.fromArray(FLOATS, lanes, at + LENGTH % LANES);
        FloatVector a2 = FloatVector.fromArray(FLOATS, lanes, at + 2 * LENGTH % LANES);
        FloatVector a3 = FloatVector.fromArray(FLOATS, lanes, at + 3 * LENGTH % LANES);
        for (int k = 0; k < length; k += LANES) {
            int u = wAt + k;
            int v = first + k;
            a0 = FloatVector.fromArray(FLOATS, w, u).fma(FloatVector.fromArray(FLOATS, x, v), a0);
            if (LENGTH <= 8) {
                u += LENGTH;
                v += LENGTH;
                a1 =
                        FloatVector.fromArray(FLOATS, w, u)
                                .fma(FloatVector.fromArray(FLOATS, x, v), a1);
            }
            if (LENGTH == 4) {
                u += LENGTH;
                v += LENGTH;
                a2 =
                        FloatVector.fromArray(FLOATS, w, u)
                                .fma(FloatVector.fromArray(FLOATS, x, v), a2);
                u += LENGTH;
                v += LENGTH;
                a3 =
                        FloatVector.fromArray(FLOATS, w, u)
                                .fma(FloatVector.fromArray(FLOATS, x, v), a3);
            }
        }
        a0.intoArray(lanes, at);
        if (LENGTH <= 8) {
            a1.intoArray(lanes, at + LENGTH);
        }
        if (LENGTH == 4) {
            a2.intoArray(lanes, at + 8);
            a3.intoArray(lanes, at + 12);
        }
    }

    /** Eight vectors of columns of {@code sums += Σ factors[j] · row j}. */
    static void weightedOctets(
            float[] factors,
            int factorsAt,
            int count,
            float[] rows,
            int rowsAt,
            int stride,
            float[] sums,
            int at) {
        FloatVector s0 = FloatVector.fromArray(FLOATS, sums, at + 0 * LENGTH);
        FloatVector s1 = FloatVector.fromArray(FLOATS, sums, at + 1 * LENGTH);
        FloatVector s2 = FloatVector.fromArray(FLOATS, sums, at + 2 * LENGTH);
        FloatVector s3 = FloatVector.fromArray(FLOATS, sums, at + 3 * LENGTH);
        FloatVector s4 = FloatVector.fromArray(FLOATS, sums, at + 4 * LENGTH);
        FloatVector s5 = FloatVector.fromArray(FLOATS, sums, at + 5 * LENGTH);
        FloatVector s6 = FloatVector.fromArray(FLOATS, sums, at + 6 * LENGTH);
        FloatVector s7 = FloatVector.fromArray(FLOATS, sums, at + 7 * LENGTH);
        for (int j = 0; j < count; j++) {
            FloatVector f = FloatVector.broadcast(FLOATS, factors[factorsAt + j]);
            int row = rowsAt + j * stride;
            s0 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 0 * LENGTH), s0);
            s1 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 1 * LENGTH), s1);
            s2 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 2 * LENGTH), s2);
            s3 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 3 * LENGTH), s3);
            s4 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 4 * LENGTH), s4);
            s5 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 5 * LENGTH), s5);
            s6 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 6 * LENGTH), s6);
            s7 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 7 * LENGTH), s7);
        }
        s0.intoArray(sums, at + 0 * LENGTH);
        s1.intoArray(sums, at + 1 * LENGTH);
        s2.intoArray(sums, at + 2 * LENGTH);
        s3.intoArray(sums, at + 3 * LENGTH);
        s4.intoArray(sums, at + 4 * LENGTH);
        s5.intoArray(sums, at + 5 * LENGTH);
        s6.intoArray(sums, at + 6 * LENGTH);
        s7.intoArray(sums, at + 7 * LENGTH);
    }

    /** Four vectors of columns of {@code sums += Σ factors[j] · row j}. */
    static void weightedQuads(
            float[] factors,
            int factorsAt,
            int count,
            float[] rows,
            int rowsAt,
            int stride,
            float[] sums,
            int at) {
        FloatVector s0 = FloatVector.fromArray(FLOATS, sums, at);
        FloatVector s1 = FloatVector.fromArray(FLOATS, sums, at + LENGTH);
        FloatVector s2 = FloatVector.fromArray(FLOATS, sums, at + 2 * LENGTH);
        FloatVector s3 = FloatVector.fromArray(FLOATS, sums, at + 3 * LENGTH);
        for (int j = 0; j < count; j++) {
            FloatVector f = FloatVector.broadcast(FLOATS, factors[factorsAt + j]);
            int row = rowsAt + j * stride;
            s0 = f.fma(FloatVector.fromArray(FLOATS, rows, row), s0);
            s1 = f.fma(FloatVector.fromArray(FLOATS, rows, row + LENGTH), s1);
            s2 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 2 * LENGTH), s2);
            s3 = f.fma(FloatVector.fromArray(FLOATS, rows, row + 3 * LENGTH), s3);
        }
        s0.intoArray(sums, at);
        s1.intoArray(sums, at + LENGTH);
        s2.intoArray(sums, at + 2 * LENGTH);
        s3.intoArray(sums, at + 3 * LENGTH);
    }

    /** One vector of columns of {@code sums += Σ factors[j] · row j}. */
    static void weighted(
            float[] factors,
            int factorsAt,
            int count,
            float[] rows,
            int rowsAt,
            int stride,
            float[] sums,
            int at) {
        FloatVector s = FloatVector.fromArray(FLOATS, sums, at);
        for (int j = 0; j < count; j++) {
            s =
                    FloatVector.broadcast(FLOATS, factors[factorsAt + j])
                            .fma(FloatVector.fromArray(FLOATS, rows, rowsAt + j * stride), s);
        }
        s.intoArray(sums, at);
    }
}
