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
 * {@link FourBitSums} for Q2_K: eight words hold four runs, and a run has two scales and two
 * minimums.
 */
final class TwoBitSums {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_64;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final int SIDE = CodePanel.ALONG;

    /** Scales of a block. */
    private static final int SCALES = CodePanel.COLUMNS / 16;

    private static final IntVector LOW_TWO = IntVector.broadcast(INTS, 0x00030003);
    private static final IntVector NIBBLE = IntVector.broadcast(INTS, 15);

    private TwoBitSums() {}

    /**
     * Partial sums of Q2_K and of its minimums, and the halves that scale them.
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
        int[] xSums = x.sums();
        int xSumsAt = x.sumsAt(row) + chunk * SCALES;
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
            ByteVector stored =
                    ByteVector.fromMemorySegment(BYTES, source, at + half * (long) SIDE, ORDER);
            IntVector w = IntVector.fromMemorySegment(INTS, source, at + 16 + half * 32L, ORDER);
            halves[block * SIDE + line] = Lanes.int32(source, at + 80);
            IntVector scales =
                    (IntVector) stored.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
            scales.lanewise(LSHR, 4)
                    .mul(IntVector.fromArray(INTS, xSums, xSumsAt + (block * 2 + half) * SIDE))
                    .intoArray(partialMinimums, i * SIDE);
            scales = scales.and(NIBBLE);
            IntVector sum;
            IntVector t;
            ShortVector p;
            p = w.and(LOW_TWO).reinterpretAsShorts().mul(ShortVector.fromArray(SHORTS, pairs, k));
            p =
                    w.lanewise(LSHR, 8)
                            .and(LOW_TWO)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 16))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    t.add(t.lanewise(LSHL, 16))
                            .lanewise(ASHR, 16)
                            .mul(scales.rearrange(TwoScales.RUN_0));
            p =
                    w.lanewise(LSHR, 2)
                            .and(LOW_TWO)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 32));
            p =
                    w.lanewise(LSHR, 10)
                            .and(LOW_TWO)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 48))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    sum.add(
                            t.add(t.lanewise(LSHL, 16))
                                    .lanewise(ASHR, 16)
                                    .mul(scales.rearrange(TwoScales.RUN_1)));
            p =
                    w.lanewise(LSHR, 4)
                            .and(LOW_TWO)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 64));
            p =
                    w.lanewise(LSHR, 12)
                            .and(LOW_TWO)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 80))
                            .add(p);
            t = p.reinterpretAsInts();
            sum =
                    sum.add(
                            t.add(t.lanewise(LSHL, 16))
                                    .lanewise(ASHR, 16)
                                    .mul(scales.rearrange(TwoScales.RUN_2)));
            p =
                    w.lanewise(LSHR, 6)
                            .and(LOW_TWO)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 96));
            p =
                    w.lanewise(LSHR, 14)
                            .and(LOW_TWO)
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
                at += 84;
                if (++block == blocks) {
                    block = 0;
                    line++;
                    at += gap;
                }
            }
        }
    }
}
