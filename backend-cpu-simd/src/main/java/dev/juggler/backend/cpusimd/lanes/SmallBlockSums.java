package dev.juggler.backend.cpusimd.lanes;

import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.B2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2S;

import dev.juggler.backend.cpusimd.CodePanel;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link FourBitSums} for blocks of 32 with nothing but a scale: sixteen bytes are widened to
 * 16-bit codes as they are loaded, and a block leaves one vector of partial sums. Two blocks are
 * written out in each turn; that makes the methods too large to be inlined, where C2 might find one
 * more than it takes.
 */
final class SmallBlockSums {
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_128;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_256;
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final int SIDE = CodePanel.ALONG;
    private static final int RUN = CodePanel.RUN;
    private static final IntVector NIBBLES = IntVector.broadcast(INTS, 0x000F000F);

    private SmallBlockSums() {}

    /**
     * Partial sums of a row of Q4_0, of codes from which 8 is not yet subtracted, and their scales.
     *
     * @param at first byte of the first block
     * @param blocks at least 2
     * @param x the row of x as shorts, in the order of columns
     * @param xAt where its columns are
     * @param to where partial sums go
     * @param line which of the rows that are read along
     */
    static void q4(
            MemorySegment source,
            long at,
            int blocks,
            short[] x,
            int xAt,
            int[] partials,
            int to,
            float[] scales,
            int line) {
        for (int i = 0; i < blocks; i += 2) {
            // The last two blocks of an odd number were partly done before.
            int b = Math.min(i, blocks - 2);
            long block = at + b * 18L;
            int k = xAt + b * RUN;
            float scale = Lanes.half(source, block);
            float nextScale = Lanes.half(source, block + 18);
            IntVector codes =
                    ByteVector.fromMemorySegment(BYTES, source, block + 2, ORDER)
                            .convertShape(ZERO_EXTEND_B2S, SHORTS, 0)
                            .reinterpretAsInts();
            IntVector next =
                    ByteVector.fromMemorySegment(BYTES, source, block + 20, ORDER)
                            .convertShape(ZERO_EXTEND_B2S, SHORTS, 0)
                            .reinterpretAsInts();
            scales[b * SIDE + line] = scale;
            scales[b * SIDE + SIDE + line] = nextScale;
            ShortVector high;
            IntVector t;
            high =
                    codes.lanewise(LSHR, 4)
                            .and(NIBBLES)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, x, k + 16));
            t =
                    codes.and(NIBBLES)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, x, k))
                            .add(high)
                            .reinterpretAsInts();
            t.add(t.lanewise(LSHL, 16)).lanewise(ASHR, 16).intoArray(partials, to + b * SIDE);
            high =
                    next.lanewise(LSHR, 4)
                            .and(NIBBLES)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, x, k + 48));
            t =
                    next.and(NIBBLES)
                            .reinterpretAsShorts()
                            .mul(ShortVector.fromArray(SHORTS, x, k + 32))
                            .add(high)
                            .reinterpretAsInts();
            t.add(t.lanewise(LSHL, 16))
                    .lanewise(ASHR, 16)
                    .intoArray(partials, to + b * SIDE + SIDE);
        }
    }

    /** As {@link #q4} for Q8_0, whose codes have their signs. */
    static void q8(
            MemorySegment source,
            long at,
            int blocks,
            short[] x,
            int xAt,
            int[] partials,
            int to,
            float[] scales,
            int line) {
        for (int i = 0; i < blocks; i += 2) {
            int b = Math.min(i, blocks - 2);
            long block = at + b * 34L;
            int k = xAt + b * RUN;
            float scale = Lanes.half(source, block);
            float nextScale = Lanes.half(source, block + 34);
            ShortVector first =
                    (ShortVector)
                            ByteVector.fromMemorySegment(BYTES, source, block + 2, ORDER)
                                    .convertShape(B2S, SHORTS, 0);
            ShortVector second =
                    (ShortVector)
                            ByteVector.fromMemorySegment(BYTES, source, block + 18, ORDER)
                                    .convertShape(B2S, SHORTS, 0);
            ShortVector third =
                    (ShortVector)
                            ByteVector.fromMemorySegment(BYTES, source, block + 36, ORDER)
                                    .convertShape(B2S, SHORTS, 0);
            ShortVector fourth =
                    (ShortVector)
                            ByteVector.fromMemorySegment(BYTES, source, block + 52, ORDER)
                                    .convertShape(B2S, SHORTS, 0);
            scales[b * SIDE + line] = scale;
            scales[b * SIDE + SIDE + line] = nextScale;
            second = second.mul(ShortVector.fromArray(SHORTS, x, k + 16));
            fourth = fourth.mul(ShortVector.fromArray(SHORTS, x, k + 48));
            IntVector t =
                    first.mul(ShortVector.fromArray(SHORTS, x, k)).add(second).reinterpretAsInts();
            t.lanewise(LSHL, 16)
                    .lanewise(ASHR, 16)
                    .add(t.lanewise(ASHR, 16))
                    .intoArray(partials, to + b * SIDE);
            t = third.mul(ShortVector.fromArray(SHORTS, x, k + 32)).add(fourth).reinterpretAsInts();
            t.lanewise(LSHL, 16)
                    .lanewise(ASHR, 16)
                    .add(t.lanewise(ASHR, 16))
                    .intoArray(partials, to + b * SIDE + SIDE);
        }
    }
}
