package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Turns words of some weight rows by 90 degrees: rows become lanes. Squares of eight by eight words
 * are turned in registers, in three steps that exchange neighbours, neighbouring pairs and halves.
 */
final class WordColumns {
    private static final VectorSpecies<Integer> EIGHT = IntVector.SPECIES_256;
    private static final int SIDE = 8;

    private static final VectorShuffle<Integer> UP_2 = turned(6);
    private static final VectorShuffle<Integer> DOWN_2 = turned(2);
    private static final VectorShuffle<Integer> UP_4 = turned(4);
    private static final VectorMask<Integer> ODD = VectorMask.fromLong(EIGHT, 0xAA);
    private static final VectorMask<Integer> ODD_PAIRS = VectorMask.fromLong(EIGHT, 0xCC);
    private static final VectorMask<Integer> UPPER = VectorMask.fromLong(EIGHT, 0xF0);

    private WordColumns() {}

    /**
     * {@code words[at + i · LENGTH + r]} becomes word i of row r.
     *
     * @param offset first byte of the first word in the first row
     * @param stride bytes between rows
     * @param rows how many there are; the last one stands for those behind it
     * @param count words of a row
     */
    static void load(
            MemorySegment source,
            long offset,
            long stride,
            int rows,
            int count,
            int[] words,
            int at) {
        int whole = LENGTH < SIDE ? 0 : count / SIDE * SIDE;
        for (int row = 0; row < LENGTH && whole > 0; row += SIDE) {
            int left = rows - 1 - row;
            long start = offset + Math.min(row, rows - 1) * stride;
            squares(source, start, stride, Math.max(left, 0), whole, words, at + row);
        }
        for (int row = 0; row < LENGTH && whole < count; row++) {
            long start = offset + Math.min(row, rows - 1) * stride;
            for (int i = whole; i < count; i++) {
                words[at + i * LENGTH + row] = Lanes.int32(source, start + 4L * i);
            }
        }
    }

    /**
     * @param last how many rows there are behind the first
     */
    private static void squares(
            MemorySegment source,
            long start,
            long stride,
            int last,
            int count,
            int[] words,
            int at) {
        long r1 = start + Math.min(1, last) * stride;
        long r2 = start + Math.min(2, last) * stride;
        long r3 = start + Math.min(3, last) * stride;
        long r4 = start + Math.min(4, last) * stride;
        long r5 = start + Math.min(5, last) * stride;
        long r6 = start + Math.min(6, last) * stride;
        long r7 = start + Math.min(7, last) * stride;
        for (int i = 0; i < count; i += SIDE) {
            long skip = 4L * i;
            int to = at + i * LENGTH;
            IntVector a0 = words(source, start + skip);
            IntVector a1 = words(source, r1 + skip);
            IntVector a2 = words(source, r2 + skip);
            IntVector a3 = words(source, r3 + skip);
            IntVector a4 = words(source, r4 + skip);
            IntVector a5 = words(source, r5 + skip);
            IntVector a6 = words(source, r6 + skip);
            IntVector a7 = words(source, r7 + skip);
            IntVector b0 = a0.blend(up(a1), ODD);
            IntVector b1 = down(a0).blend(a1, ODD);
            IntVector b2 = a2.blend(up(a3), ODD);
            IntVector b3 = down(a2).blend(a3, ODD);
            IntVector b4 = a4.blend(up(a5), ODD);
            IntVector b5 = down(a4).blend(a5, ODD);
            IntVector b6 = a6.blend(up(a7), ODD);
            IntVector b7 = down(a6).blend(a7, ODD);
            a0 = b0.blend(b2.rearrange(UP_2), ODD_PAIRS);
            a2 = b0.rearrange(DOWN_2).blend(b2, ODD_PAIRS);
            a1 = b1.blend(b3.rearrange(UP_2), ODD_PAIRS);
            a3 = b1.rearrange(DOWN_2).blend(b3, ODD_PAIRS);
            a4 = b4.blend(b6.rearrange(UP_2), ODD_PAIRS);
            a6 = b4.rearrange(DOWN_2).blend(b6, ODD_PAIRS);
            a5 = b5.blend(b7.rearrange(UP_2), ODD_PAIRS);
            a7 = b5.rearrange(DOWN_2).blend(b7, ODD_PAIRS);
            a0.blend(a4.rearrange(UP_4), UPPER).intoArray(words, to);
            a1.blend(a5.rearrange(UP_4), UPPER).intoArray(words, to + LENGTH);
            a2.blend(a6.rearrange(UP_4), UPPER).intoArray(words, to + 2 * LENGTH);
            a3.blend(a7.rearrange(UP_4), UPPER).intoArray(words, to + 3 * LENGTH);
            a0.rearrange(UP_4).blend(a4, UPPER).intoArray(words, to + 4 * LENGTH);
            a1.rearrange(UP_4).blend(a5, UPPER).intoArray(words, to + 5 * LENGTH);
            a2.rearrange(UP_4).blend(a6, UPPER).intoArray(words, to + 6 * LENGTH);
            a3.rearrange(UP_4).blend(a7, UPPER).intoArray(words, to + 7 * LENGTH);
        }
    }

    private static IntVector words(MemorySegment source, long at) {
        return IntVector.fromMemorySegment(EIGHT, source, at, ByteOrder.LITTLE_ENDIAN);
    }

    /** Each even lane in the odd one above it: a shift, since few units exchange lanes. */
    private static IntVector up(IntVector v) {
        return v.reinterpretAsLongs().lanewise(LSHL, 32).reinterpretAsInts();
    }

    /** Each odd lane in the even one below it. */
    private static IntVector down(IntVector v) {
        return v.reinterpretAsLongs().lanewise(LSHR, 32).reinterpretAsInts();
    }

    /** Lane i takes from lane {@code i + by}, around the end. */
    private static VectorShuffle<Integer> turned(int by) {
        return VectorShuffle.iota(EIGHT, by, 1, true);
    }
}
