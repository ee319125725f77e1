package dev.juggler.backend.cpusimd.lanes;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.juggler.backend.cpusimd.CodeFormat;
import dev.juggler.backend.cpusimd.CodePanel;
import dev.juggler.backend.cpusimd.CodeTables;
import dev.juggler.backend.cpusimd.RoundedRows;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link FourBitSums} for IQ4_XS, whose codes are places in a table: sixteen bytes hold a run, the
 * first half of it in their low halves. Vectors are of 128 bits, because there a table of sixteen
 * bytes is looked up in one instruction, and because x lies in the order of words.
 */
final class NonLinearSums {
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_128;
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_128;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_128;
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final int SIDE = CodePanel.ALONG;
    private static final byte LOW_CODE = 15;

    private NonLinearSums() {}

    /**
     * Partial sums of IQ4_XS, four of each two runs, and the halves that scale them.
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
        ByteVector table = ByteVector.fromArray(BYTES, CodeTables.of(CodeFormat.IQ4_XS), 0);
        short[] pairs = x.shorts();
        int xAt = 2 * x.pairsAt(row) + chunk * CodePanel.COLUMNS;
        int[] partials = panel.partials;
        int[] halves = panel.totalHalves;
        long at = offset;
        int quarter = 0;
        int block = 0;
        int line = 0;
        for (int i = 0; i < 4 * count; i++) {
            // All that is fetched stands first: the checks that go with it would cut the rest to
            // pieces.
            int k = xAt + (block * 4 + quarter) * 64;
            ByteVector v =
                    ByteVector.fromMemorySegment(BYTES, source, at + 8 + quarter * 32L, ORDER);
            ByteVector w =
                    ByteVector.fromMemorySegment(BYTES, source, at + 24 + quarter * 32L, ORDER);
            int first = Lanes.int32(source, at);
            int lows = Lanes.unsignedByte(source, at + 4 + quarter);
            halves[block * SIDE + line] = first & 0xFFFF;
            int highs = (first >>> (16 + 4 * quarter)) & 15;
            int scale = ((lows & 15) | (highs & 3) << 4) - 32;
            int nextScale = (lows >>> 4 | (highs & 12) << 2) - 32;
            ShortVector c;
            ShortVector p;
            IntVector t;
            IntVector sum;
            c = v.and(LOW_CODE).selectFrom(table).reinterpretAsShorts();
            p = c.lanewise(LSHL, 8).lanewise(ASHR, 8).mul(ShortVector.fromArray(SHORTS, pairs, k));
            t =
                    c.lanewise(ASHR, 8)
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 16))
                            .add(p)
                            .reinterpretAsInts();
            IntVector both = t.lanewise(LSHL, 16).lanewise(ASHR, 16).add(t.lanewise(ASHR, 16));
            c =
                    v.reinterpretAsShorts()
                            .lanewise(LSHR, 4)
                            .reinterpretAsBytes()
                            .and(LOW_CODE)
                            .selectFrom(table)
                            .reinterpretAsShorts();
            p =
                    c.lanewise(LSHL, 8)
                            .lanewise(ASHR, 8)
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 8));
            t =
                    c.lanewise(ASHR, 8)
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 24))
                            .add(p)
                            .reinterpretAsInts();
            both = both.add(t.lanewise(LSHL, 16).lanewise(ASHR, 16)).add(t.lanewise(ASHR, 16));
            sum = both.mul(IntVector.broadcast(INTS, scale));
            c = w.and(LOW_CODE).selectFrom(table).reinterpretAsShorts();
            p =
                    c.lanewise(LSHL, 8)
                            .lanewise(ASHR, 8)
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 32));
            t =
                    c.lanewise(ASHR, 8)
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 48))
                            .add(p)
                            .reinterpretAsInts();
            both = t.lanewise(LSHL, 16).lanewise(ASHR, 16).add(t.lanewise(ASHR, 16));
            c =
                    w.reinterpretAsShorts()
                            .lanewise(LSHR, 4)
                            .reinterpretAsBytes()
                            .and(LOW_CODE)
                            .selectFrom(table)
                            .reinterpretAsShorts();
            p =
                    c.lanewise(LSHL, 8)
                            .lanewise(ASHR, 8)
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 40));
            t =
                    c.lanewise(ASHR, 8)
                            .mul(ShortVector.fromArray(SHORTS, pairs, k + 56))
                            .add(p)
                            .reinterpretAsInts();
            both = both.add(t.lanewise(LSHL, 16).lanewise(ASHR, 16)).add(t.lanewise(ASHR, 16));
            sum = sum.add(both.mul(IntVector.broadcast(INTS, nextScale)));
            sum.intoArray(partials, i * 4);
            if (++quarter == 4) {
                quarter = 0;
                at += 136;
                if (++block == blocks) {
                    block = 0;
                    line++;
                    at += gap;
                }
            }
        }
    }
}
