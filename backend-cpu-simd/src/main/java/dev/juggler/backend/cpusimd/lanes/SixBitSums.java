package dev.juggler.backend.cpusimd.lanes;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link FourBitSums} for Q6_K: two more bits of four runs stand in eight words, and a run has two
 * scales.
 */
final class SixBitSums {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_64;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final int SIDE = CodePanel.ALONG;

    /** Scales of a block. */
    private static final int SCALES = CodePanel.COLUMNS / 16;

    private static final IntVector LOW_CODES = IntVector.broadcast(INTS, 0x0F0F0F0F);
    private static final IntVector HIGHS = IntVector.broadcast(INTS, 0x30303030);
    private static final IntVector EVENS = IntVector.broadcast(INTS, 0x00FF00FF);
    private static final IntVector MINUS_OFFSET = IntVector.broadcast(INTS, -32);

    private SixBitSums() {}

    /**
     * Partial sums of Q6_K, and the halves that scale them; 32 is subtracted from codes by way of
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
            ByteVector stored =
                    ByteVector.fromMemorySegment(
                            BYTES, source, at + 192 + half * (long) SIDE, ORDER);
            IntVector w0 = IntVector.fromMemorySegment(INTS, source, at + half * 64L, ORDER);
            IntVector w1 = IntVector.fromMemorySegment(INTS, source, at + 32 + half * 64L, ORDER);
            IntVector high =
                    IntVector.fromMemorySegment(INTS, source, at + 128 + half * 32L, ORDER);
            halves[block * SIDE + line] = Lanes.unsignedShort(source, at + 208);
            IntVector scales = (IntVector) stored.convertShape(VectorOperators.B2I, INTS, 0);
            IntVector sum =
                    scales.mul(
                                    IntVector.fromArray(
                                            INTS, xSums, xSumsAt + (block * 2 + half) * SIDE))
                            .mul(MINUS_OFFSET);
            IntVector t;
            ShortVector p;
            t = w0.and(LOW_CODES).or(high.lanewise(LSHL, 4).and(HIGHS));
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
            t = w1.and(LOW_CODES).or(high.lanewise(LSHL, 2).and(HIGHS));
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
            t = w0.lanewise(LSHR, 4).and(LOW_CODES).or(high.and(HIGHS));
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
            t = w1.lanewise(LSHR, 4).and(LOW_CODES).or(high.lanewise(LSHR, 2).and(HIGHS));
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
                at += 210;
                if (++block == blocks) {
                    block = 0;
                    line++;
                    at += gap;
                }
            }
        }
    }
}
