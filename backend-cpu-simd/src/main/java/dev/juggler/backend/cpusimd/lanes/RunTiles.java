package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.SHORTS_OF_INTS;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import dev.juggler.backend.cpusimd.CodePanel;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * As {@link CodeTiles}, for blocks of 32 that are brought to scale one by one: in 16 bits where
 * these hold all of a block, else in floats, which hold it exactly.
 */
final class RunTiles {
    private RunTiles() {}

    /**
     * Adds products of a block of 32, whose sums 16 bits hold, to the results of the left panel
     * with four rows of x, and then to those of the right one, which follow. Where the fourth row
     * is the third again, both come to the same, because neither is stored before the other is
     * computed.
     *
     * @param scaleAt where the block is in the scales of the panels
     * @param s0 where it is in {@code xScales} of the first row, and so on
     * @param r0 where results of the first row are, and so on
     */
    static void fourBlocks(
            int[] left,
            int[] right,
            int at,
            int[] x,
            int x0,
            int x1,
            int x2,
            int x3,
            float[] scales,
            float[] rightScales,
            int scaleAt,
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
        ShortVector a0 = ShortVector.zero(SHORTS_OF_INTS);
        ShortVector a1 = a0;
        ShortVector a2 = a0;
        ShortVector a3 = a0;
        ShortVector b0 = a0;
        ShortVector b1 = a0;
        ShortVector b2 = a0;
        ShortVector b3 = a0;
        for (int k = 0; k < 16; k++) {
            int p = at + k * LENGTH;
            ShortVector u = IntVector.fromArray(INTS, left, p).reinterpretAsShorts();
            ShortVector v = IntVector.fromArray(INTS, right, p).reinterpretAsShorts();
            ShortVector t = IntVector.broadcast(INTS, x[x0 + k]).reinterpretAsShorts();
            a0 = a0.add(u.mul(t));
            b0 = b0.add(v.mul(t));
            t = IntVector.broadcast(INTS, x[x1 + k]).reinterpretAsShorts();
            a1 = a1.add(u.mul(t));
            b1 = b1.add(v.mul(t));
            t = IntVector.broadcast(INTS, x[x2 + k]).reinterpretAsShorts();
            a2 = a2.add(u.mul(t));
            b2 = b2.add(v.mul(t));
            t = IntVector.broadcast(INTS, x[x3 + k]).reinterpretAsShorts();
            a3 = a3.add(u.mul(t));
            b3 = b3.add(v.mul(t));
        }
        IntVector s;
        FloatVector f;
        FloatVector g;
        FloatVector scale = FloatVector.fromArray(FLOATS, scales, scaleAt);
        s = a0.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        f =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(scale.mul(xScales[s0]), FloatVector.fromArray(FLOATS, results, r0));
        s = a1.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        g =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(scale.mul(xScales[s1]), FloatVector.fromArray(FLOATS, results, r1));
        f.intoArray(results, r0);
        g.intoArray(results, r1);
        s = a2.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        f =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(scale.mul(xScales[s2]), FloatVector.fromArray(FLOATS, results, r2));
        s = a3.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        g =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(scale.mul(xScales[s3]), FloatVector.fromArray(FLOATS, results, r3));
        f.intoArray(results, r2);
        g.intoArray(results, r3);
        scale = FloatVector.fromArray(FLOATS, rightScales, scaleAt);
        s = b0.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        f =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(
                                scale.mul(xScales[s0]),
                                FloatVector.fromArray(FLOATS, results, r0 + LENGTH));
        s = b1.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        g =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(
                                scale.mul(xScales[s1]),
                                FloatVector.fromArray(FLOATS, results, r1 + LENGTH));
        f.intoArray(results, r0 + LENGTH);
        g.intoArray(results, r1 + LENGTH);
        s = b2.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        f =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(
                                scale.mul(xScales[s2]),
                                FloatVector.fromArray(FLOATS, results, r2 + LENGTH));
        s = b3.reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        g =
                ((FloatVector) s.convert(I2F, 0))
                        .fma(
                                scale.mul(xScales[s3]),
                                FloatVector.fromArray(FLOATS, results, r3 + LENGTH));
        f.intoArray(results, r2 + LENGTH);
        g.intoArray(results, r3 + LENGTH);
    }

    /**
     * Sums of a run of 32 columns, of the left panel with four rows of x, then of the right one, in
     * floats. They hold these integers exactly (below 2^24), and a multiply-add needs no widening.
     */
    static void fourRuns(
            float[] left,
            float[] right,
            int at,
            float[] x,
            int x0,
            int x1,
            int x2,
            int x3,
            float[] sums) {
        FloatVector a0 = FloatVector.zero(FLOATS);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        for (int k = 0; k < CodePanel.RUN; k++) {
            int p = at + k * LENGTH;
            FloatVector u = FloatVector.fromArray(FLOATS, left, p);
            FloatVector v = FloatVector.fromArray(FLOATS, right, p);
            FloatVector t = FloatVector.broadcast(FLOATS, x[x0 + k]);
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
        a0.intoArray(sums, 0);
        a1.intoArray(sums, LENGTH);
        a2.intoArray(sums, 2 * LENGTH);
        a3.intoArray(sums, 3 * LENGTH);
        b0.intoArray(sums, 4 * LENGTH);
        b1.intoArray(sums, 5 * LENGTH);
        b2.intoArray(sums, 6 * LENGTH);
        b3.intoArray(sums, 7 * LENGTH);
    }

    /** Sums of a run of 32 columns of one panel with one row of x, codes of eight bits. */
    static void oneWide(int[] panel, int at, int[] x, int x0, int[] sums, int to) {
        IntVector a0 = IntVector.zero(INTS);
        for (int k = 0; k < 16; k += 2) {
            ShortVector u = CodeTiles.codes(panel, at + k * LENGTH).mul(CodeTiles.all(x, x0 + k));
            ShortVector v =
                    CodeTiles.codes(panel, at + k * LENGTH + LENGTH)
                            .mul(CodeTiles.all(x, x0 + k + 1));
            a0 = a0.add(CodeTiles.wide(u.add(v)));
        }
        a0.intoArray(sums, to);
    }
}
