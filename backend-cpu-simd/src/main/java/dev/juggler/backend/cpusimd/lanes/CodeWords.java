package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.INTS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.SHORTS_OF_INTS;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Products of a panel with one row of x straight from the words: codes that are used once are not
 * worth storing.
 */
final class CodeWords {
    private static final int NIBBLES = 0x000F000F;

    private CodeWords() {}

    /** Two runs that share eight words, as Q4_K has them, of one panel. */
    static void q4(
            int[] words, int at, int[] x, int xAt, int[] scales, int scaleAt, int[] sums, int to) {
        ShortVector a0 = ShortVector.zero(SHORTS_OF_INTS);
        ShortVector a1 = a0;
        ShortVector b0 = a0;
        ShortVector b1 = a0;
        for (int i = 0; i < 8; i++) {
            int k = xAt + 2 * i;
            IntVector word = IntVector.fromArray(INTS, words, at + i * LENGTH);
            ShortVector t = IntVector.broadcast(INTS, x[k]).reinterpretAsShorts();
            a0 = a0.add(word.and(NIBBLES).reinterpretAsShorts().mul(t));
            t = IntVector.broadcast(INTS, x[k + 1]).reinterpretAsShorts();
            a1 = a1.add(word.lanewise(LSHR, 8).and(NIBBLES).reinterpretAsShorts().mul(t));
            t = IntVector.broadcast(INTS, x[k + 16]).reinterpretAsShorts();
            b0 = b0.add(word.lanewise(LSHR, 4).and(NIBBLES).reinterpretAsShorts().mul(t));
            t = IntVector.broadcast(INTS, x[k + 17]).reinterpretAsShorts();
            b1 = b1.add(word.lanewise(LSHR, 12).and(NIBBLES).reinterpretAsShorts().mul(t));
        }
        addScaled(a0.add(a1), b0.add(b1), scales, scaleAt, scaleAt + LENGTH, sums, to);
    }

    private static void addScaled(
            ShortVector first,
            ShortVector second,
            int[] scales,
            int scaleAt,
            int secondScaleAt,
            int[] sums,
            int at) {
        IntVector a = first.reinterpretAsInts();
        IntVector b = second.reinterpretAsInts();
        a = a.lanewise(LSHL, 16).lanewise(ASHR, 16).add(a.lanewise(ASHR, 16));
        b = b.lanewise(LSHL, 16).lanewise(ASHR, 16).add(b.lanewise(ASHR, 16));
        a.mul(IntVector.fromArray(INTS, scales, scaleAt))
                .add(b.mul(IntVector.fromArray(INTS, scales, secondScaleAt)))
                .add(IntVector.fromArray(INTS, sums, at))
                .intoArray(sums, at);
    }
}
