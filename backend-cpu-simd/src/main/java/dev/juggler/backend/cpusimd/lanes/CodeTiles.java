package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.SHORTS_OF_INTS;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Sums of products of two panels with one or four rows of x. A pair of bytes of x, copied to all
 * lanes, meets the same two columns of all weight rows; products are added in 16 bits for as long
 * as they cannot overflow and then widened. Eight accumulators, two operands and a product fill the
 * registers of AVX2. One flat loop with a small body is what the compiler does best: unrolled by
 * hand it spills.
 */
final class CodeTiles {
    private CodeTiles() {}

    /**
     * Adds sums of sixteen pairs to the left panel's four sums, then to the right one's. Written
     * out, because helpers in a method of this size are no longer inlined; and for one constant
     * count, because a loop to a variable one costs a fifth.
     *
     * @param at first pair of columns in the panels
     * @param x0 where the columns are in {@code x} of the first row, and so on
     */
    static void fourSixteens(
            int[] left,
            int[] right,
            int at,
            int[] x,
            int x0,
            int x1,
            int x2,
            int x3,
            int[] scales,
            int[] rightScales,
            int scaleAt,
            int[] sums) {
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
        IntVector scale = IntVector.fromArray(INTS, scales, scaleAt);
        IntVector s = a0.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 0 * LENGTH))
                .intoArray(sums, 0 * LENGTH);
        s = a1.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 1 * LENGTH))
                .intoArray(sums, 1 * LENGTH);
        s = a2.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 2 * LENGTH))
                .intoArray(sums, 2 * LENGTH);
        s = a3.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 3 * LENGTH))
                .intoArray(sums, 3 * LENGTH);
        scale = IntVector.fromArray(INTS, rightScales, scaleAt);
        s = b0.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 4 * LENGTH))
                .intoArray(sums, 4 * LENGTH);
        s = b1.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 5 * LENGTH))
                .intoArray(sums, 5 * LENGTH);
        s = b2.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 6 * LENGTH))
                .intoArray(sums, 6 * LENGTH);
        s = b3.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 7 * LENGTH))
                .intoArray(sums, 7 * LENGTH);
    }

    /** As {@link #fourSixteens} with eight pairs. */
    static void fourEights(
            int[] left,
            int[] right,
            int at,
            int[] x,
            int x0,
            int x1,
            int x2,
            int x3,
            int[] scales,
            int[] rightScales,
            int scaleAt,
            int[] sums) {
        ShortVector a0 = ShortVector.zero(SHORTS_OF_INTS);
        ShortVector a1 = a0;
        ShortVector a2 = a0;
        ShortVector a3 = a0;
        ShortVector b0 = a0;
        ShortVector b1 = a0;
        ShortVector b2 = a0;
        ShortVector b3 = a0;
        for (int k = 0; k < 8; k++) {
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
        IntVector scale = IntVector.fromArray(INTS, scales, scaleAt);
        IntVector s = a0.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 0 * LENGTH))
                .intoArray(sums, 0 * LENGTH);
        s = a1.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 1 * LENGTH))
                .intoArray(sums, 1 * LENGTH);
        s = a2.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 2 * LENGTH))
                .intoArray(sums, 2 * LENGTH);
        s = a3.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 3 * LENGTH))
                .intoArray(sums, 3 * LENGTH);
        scale = IntVector.fromArray(INTS, rightScales, scaleAt);
        s = b0.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 4 * LENGTH))
                .intoArray(sums, 4 * LENGTH);
        s = b1.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 5 * LENGTH))
                .intoArray(sums, 5 * LENGTH);
        s = b2.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 6 * LENGTH))
                .intoArray(sums, 6 * LENGTH);
        s = b3.reinterpretAsInts();
        s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .mul(scale)
                .add(IntVector.fromArray(INTS, sums, 7 * LENGTH))
                .intoArray(sums, 7 * LENGTH);
    }

    /** As {@link #fourSixteens} with one row of x: sums are in places 0 and 4. */
    static void one(
            int[] left,
            int[] right,
            int at,
            int pairs,
            int[] x,
            int x0,
            int[] scales,
            int[] rightScales,
            int scaleAt,
            int[] sums) {
        ShortVector a0 = ShortVector.zero(SHORTS_OF_INTS);
        ShortVector b0 = a0;
        for (int k = 0; k < pairs; k++) {
            ShortVector t = all(x, x0 + k);
            a0 = a0.add(codes(left, at + k * LENGTH).mul(t));
            b0 = b0.add(codes(right, at + k * LENGTH).mul(t));
        }
        addScaled(a0, IntVector.fromArray(INTS, scales, scaleAt), sums, 0);
        addScaled(b0, IntVector.fromArray(INTS, rightScales, scaleAt), sums, 4 * LENGTH);
    }

    static ShortVector codes(int[] codes, int at) {
        return IntVector.fromArray(INTS, codes, at).reinterpretAsShorts();
    }

    static ShortVector all(int[] x, int at) {
        return IntVector.broadcast(INTS, x[at]).reinterpretAsShorts();
    }

    /** Adds the halves of each lane. */
    static IntVector wide(ShortVector pairs) {
        IntVector ints = pairs.reinterpretAsInts();
        return ints.lanewise(LSHL, 16).lanewise(ASHR, 16).add(ints.lanewise(ASHR, 16));
    }

    private static void addScaled(ShortVector pairs, IntVector scale, int[] sums, int at) {
        wide(pairs).mul(scale).add(IntVector.fromArray(INTS, sums, at)).intoArray(sums, at);
    }
}
