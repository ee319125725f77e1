package dev.juggler.backend.cpusimd.lanes;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link FourBitSums} for Q5_K: a fifth bit of all runs stands in eight words of its own, and the
 * codes are bytes before they become 16-bit codes.
 */
final class FiveBitSums {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
    private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_256;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final int SIDE = CodePanel.ALONG;
    private static final IntVector SIX_BITS = IntVector.broadcast(INTS, 63);
    private static final long LOW_NIBBLES = 0x0F0F0F0F0F0F0F0FL;
    private static final IntVector LOW_CODES = IntVector.broadcast(INTS, 0x0F0F0F0F);
    private static final IntVector FIFTHS = IntVector.broadcast(INTS, 0x10101010);
    private static final long HIGHS = 0x3030303030303030L;
    private static final IntVector EVENS = IntVector.broadcast(INTS, 0x00FF00FF);

    /** Even lanes take the bytes of the lower half of a long, odd ones those of the upper. */
    private static final IntVector BYTE_SHIFTS =
            IntVector.fromArray(INTS, new int[] {0, 0, 8, 8, 16, 16, 24, 24}, 0);

    private FiveBitSums() {}

    /**
     * Partial sums of Q5_K, and the halves that scale them.
     *
     * @param offset first byte of the first block
     * @param gap bytes between the last block of a row and the first of the next
     * @param count blocks of all rows
     * @param blocks of a row
     * @param row which row of x
     * @param chunk which 256 columns of x are the first
     */
    static void add(
            MemorySegment source,
            long offset,
            long gap,
            int count,
            int blocks,
            RoundedRows x,
            int row,
            int chunk,
            CodePanel panel,
            CodePanel minimums) {
        short[] pairs = x.shorts();
        int xAt = 2 * x.pairsAt(row) + chunk * CodePanel.COLUMNS;
        int[] xSums = x.everySecondRunSums();
        int xSumsAt = 2 * (x.runSumsAt(row) + chunk * SIDE);
        int[] scales = panel.scales;
        int[] partials = panel.partials;
        int[] halves = panel.totalHalves;
        int[] partialMinimums = minimums.partials;
        long at = offset;
        int half = 0;
        int block = 0;
        int line = 0;
        for (int i = 0; i < 2 * count; i++) {
            // All that is fetched stands first: the checks that go with it would cut the rest to
            // pieces.
            int k = xAt + (block * 2 + half) * CodePanel.HALF;
            long first = Lanes.int64(source, at);
            long second = Lanes.int64(source, at + 8);
            IntVector fifths =
                    IntVector.fromMemorySegment(INTS, source, at + 16, ORDER)
                            .lanewise(LSHR, half * 4);
            IntVector w0 = IntVector.fromMemorySegment(INTS, source, at + 48 + half * 64L, ORDER);
            IntVector w1 = IntVector.fromMemorySegment(INTS, source, at + 80 + half * 64L, ORDER);
            halves[block * SIDE + line] = (int) first;
            long both = (first >>> 32) | (second << 32);
            long late = second >>> 32;
            late = ((late | (late << 28)) & LOW_NIBBLES) | ((both >>> 2) & HIGHS);
            // A scale and a minimum of each run in turn.
            IntVector t =
                    LongVector.broadcast(LONGS, half == 0 ? both : late)
                            .reinterpretAsInts()
                            .lanewise(LSHR, BYTE_SHIFTS)
                            .and(SIX_BITS);
            t.intoArray(scales, 0);
            t.mul(IntVector.fromArray(INTS, xSums, xSumsAt + (block * 2 + half) * SIDE))
                    .intoArray(partialMinimums, i * SIDE);
            IntVector sum;
            ShortVector p;
            t = w0.and(LOW_CODES).or(fifths.lanewise(LSHL, 4).and(FIFTHS));
            p = t.and(EVENS).reinterpretAsShorts().mul(ShortVector.fromArray(SHORTS, pairs, k));
            p =
                    t.lanewise(LSHR, 8)
                            .and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 16))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    t.add(t.lanewise(LSHL, 16))
                            .lanewise(ASHR, 16)
                            .mul(IntVector.broadcast(INTS, scales[0]));
            t = w0.lanewise(LSHR, 4).and(LOW_CODES).or(fifths.lanewise(LSHL, 3).and(FIFTHS));
            p =
                    t.and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 32));
            p =
                    t.lanewise(LSHR, 8)
                            .and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 48))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    sum.add(
                            t.add(t.lanewise(LSHL, 16))
                                    .lanewise(ASHR, 16)
                                    .mul(IntVector.broadcast(INTS, scales[2])));
            t = w1.and(LOW_CODES).or(fifths.lanewise(LSHL, 2).and(FIFTHS));
            p =
                    t.and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 64));
            p =
                    t.lanewise(LSHR, 8)
                            .and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 80))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    sum.add(
                            t.add(t.lanewise(LSHL, 16))
                                    .lanewise(ASHR, 16)
                                    .mul(IntVector.broadcast(INTS, scales[4])));
            t = w1.lanewise(LSHR, 4).and(LOW_CODES).or(fifths.lanewise(LSHL, 1).and(FIFTHS));
            p =
                    t.and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 96));
            p =
                    t.lanewise(LSHR, 8)
                            .and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 112))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    sum.add(
                            t.add(t.lanewise(LSHL, 16))
                                    .lanewise(ASHR, 16)
                                    .mul(IntVector.broadcast(INTS, scales[6])));
            sum.intoArray(partials, i * SIDE);
            half ^= 1;
            if (half == 0) {
                at += 176;
                if (++block == blocks) {
                    block = 0;
                    line++;
                    at += gap;
                }
            }
        }
    }
}
