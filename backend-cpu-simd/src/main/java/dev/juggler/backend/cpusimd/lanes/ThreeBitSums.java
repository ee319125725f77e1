package dev.juggler.backend.cpusimd.lanes;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link FourBitSums} for Q3_K: eight words hold two bits of four runs, eight others the third bits
 * of all, and a run has two scales.
 */
final class ThreeBitSums {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final int SIDE = CodePanel.ALONG;

    /** Scales of a block. */
    private static final int SCALES = CodePanel.COLUMNS / 16;

    private static final IntVector LOW_TWO = IntVector.broadcast(INTS, 0x03030303);
    private static final IntVector THIRD = IntVector.broadcast(INTS, 0x04040404);
    private static final IntVector EVENS = IntVector.broadcast(INTS, 0x00FF00FF);
    private static final IntVector SIX_BITS = IntVector.broadcast(INTS, 63);
    private static final IntVector SCALE_OFFSET = IntVector.broadcast(INTS, 32);
    private static final IntVector MINUS_OFFSET = IntVector.broadcast(INTS, -4);
    private static final long LOW_NIBBLES = 0x0F0F0F0F0F0F0F0FL;
    private static final long LOW_PAIRS = 0x0303030303030303L;
    private static final VectorMask<Integer> UPPER = VectorMask.fromLong(INTS, 0xF0);

    /** The four lower lanes take the bytes of one int, the upper ones those of another. */
    private static final IntVector BYTE_SHIFTS =
            IntVector.fromArray(INTS, new int[] {0, 8, 16, 24, 0, 8, 16, 24}, 0);

    private ThreeBitSums() {}

    /**
     * Partial sums of Q3_K, and the halves that scale them; 4 is subtracted from codes by way of
     * the sums of x.
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
            CodePanel panel) {
        short[] pairs = x.shorts();
        int xAt = 2 * x.pairsAt(row) + chunk * CodePanel.COLUMNS;
        int[] xSums = x.sums();
        int xSumsAt = x.sumsAt(row) + chunk * SCALES;
        int[] partials = panel.partials;
        int[] halves = panel.totalHalves;
        long at = offset;
        int half = 0;
        int block = 0;
        int line = 0;
        for (int i = 0; i < 2 * count; i++) {
            // All that is fetched stands first: the checks that go with it would cut the rest to
            // pieces.
            int k = xAt + (block * 2 + half) * CodePanel.HALF;
            long lows = Lanes.int64(source, at + 96);
            long highs = Lanes.int32(source, at + 104) & 0xFFFFFFFFL;
            IntVector w = IntVector.fromMemorySegment(INTS, source, at + 32 + half * 32L, ORDER);
            IntVector high = IntVector.fromMemorySegment(INTS, source, at, ORDER);
            halves[block * SIDE + line] = Lanes.unsignedShort(source, at + 108);
            // Eight scales of six bits: four are in the first eight bytes, two in the last four.
            highs |= (highs >>> 2) << 32;
            lows = (lows >>> (4 * half)) & LOW_NIBBLES;
            lows |= ((highs >>> (4 * half)) & LOW_PAIRS) << 4;
            high = high.lanewise(LSHR, 4 * half);
            IntVector scales =
                    IntVector.broadcast(INTS, (int) lows)
                            .blend(IntVector.broadcast(INTS, (int) (lows >>> 32)), UPPER)
                            .lanewise(LSHR, BYTE_SHIFTS)
                            .and(SIX_BITS)
                            .sub(SCALE_OFFSET);
            IntVector sum =
                    scales.mul(
                                    IntVector.fromArray(
                                            INTS, xSums, xSumsAt + (block * 2 + half) * SIDE))
                            .mul(MINUS_OFFSET);
            IntVector t;
            ShortVector p;
            t = w.and(LOW_TWO).or(high.lanewise(LSHL, 2).and(THIRD));
            p = t.and(EVENS).reinterpretAsShorts().mul(ShortVector.fromArray(SHORTS, pairs, k));
            p =
                    t.lanewise(LSHR, 8)
                            .and(EVENS)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 16))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    sum.add(
                            t.add(t.lanewise(LSHL, 16))
                                    .lanewise(ASHR, 16)
                                    .mul(scales.rearrange(TwoScales.RUN_0)));
            t = w.lanewise(LSHR, 2).and(LOW_TWO).or(high.lanewise(LSHL, 1).and(THIRD));
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
                                    .mul(scales.rearrange(TwoScales.RUN_1)));
            t = w.lanewise(LSHR, 4).and(LOW_TWO).or(high.and(THIRD));
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
                                    .mul(scales.rearrange(TwoScales.RUN_2)));
            t = w.lanewise(LSHR, 6).and(LOW_TWO).or(high.lanewise(LSHR, 1).and(THIRD));
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
                                    .mul(scales.rearrange(TwoScales.RUN_3)));
            sum.intoArray(partials, i * SIDE);
            half ^= 1;
            if (half == 0) {
                at += 110;
                if (++block == blocks) {
                    block = 0;
                    line++;
                    at += gap;
                }
            }
        }
    }
}
