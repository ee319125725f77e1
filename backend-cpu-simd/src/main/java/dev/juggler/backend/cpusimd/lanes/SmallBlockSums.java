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
    private static final ShortVector NIBBLE = ShortVector.broadcast(SHORTS, (short) 15);
    private static final ShortVector FIFTH = ShortVector.broadcast(SHORTS, (short) 16);

    /** Lane i has what bit i must be multiplied with to be the highest of 16. */
    private static final ShortVector TO_TOP =
            ShortVector.broadcast(SHORTS, (short) 1)
                    .lanewise(
                            LSHL,
                            ShortVector.broadcast(SHORTS, (short) 15)
                                    .sub(ShortVector.zero(SHORTS).addIndex(1)));

    private SmallBlockSums() {}

    /**
     * Partial sums of a row of Q4_0 or Q4_1, of codes from which nothing is subtracted yet, and
     * their scales.
     *
     * @param at first byte of the first block
     * @param bytes of a block
     * @param blocks at least 2
     * @param x the row of x as shorts, in the order of columns
     * @param xAt where its columns are
     * @param to where partial sums go
     * @param line which of the rows that are read along
     */
    static void q4(
            MemorySegment source,
            long at,
            int bytes,
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
            long block = at + b * (long) bytes;
            long last = block + bytes;
            int k = xAt + b * RUN;
            float scale = Lanes.half(source, block);
            float nextScale = Lanes.half(source, last);
            // The codes are the last sixteen bytes.
            IntVector codes =
                    ByteVector.fromMemorySegment(BYTES, source, last - 16, ORDER)
                            .convertShape(ZERO_EXTEND_B2S, SHORTS, 0)
                            .reinterpretAsInts();
            IntVector next =
                    ByteVector.fromMemorySegment(BYTES, source, last + bytes - 16, ORDER)
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

    /**
     * As {@link #q4} for Q5_0 and Q5_1: bit c of the four bytes before the codes is the fifth bit
     * of code c. Times a power of two it comes to the top of the lane of its code.
     */
    static void q5(
            MemorySegment source,
            long at,
            int bytes,
            int blocks,
            short[] x,
            int xAt,
            int[] partials,
            int to,
            float[] scales,
            int line) {
        for (int i = 0; i < blocks; i += 2) {
            int b = Math.min(i, blocks - 2);
            long block = at + b * (long) bytes;
            long last = block + bytes;
            int k = xAt + b * RUN;
            float scale = Lanes.half(source, block);
            float nextScale = Lanes.half(source, last);
            int bits = Lanes.int32(source, last - 20);
            int nextBits = Lanes.int32(source, last + bytes - 20);
            ShortVector codes =
                    (ShortVector)
                            ByteVector.fromMemorySegment(BYTES, source, last - 16, ORDER)
                                    .convertShape(ZERO_EXTEND_B2S, SHORTS, 0);
            ShortVector next =
                    (ShortVector)
                            ByteVector.fromMemorySegment(BYTES, source, last + bytes - 16, ORDER)
                                    .convertShape(ZERO_EXTEND_B2S, SHORTS, 0);
            scales[b * SIDE + line] = scale;
            scales[b * SIDE + SIDE + line] = nextScale;
            ShortVector high;
            IntVector t;
            high =
                    codes.lanewise(LSHR, 4)
                            .or(
                                    ShortVector.broadcast(SHORTS, (short) (bits >>> 16))
                                            .mul(TO_TOP)
                                            .lanewise(LSHR, 11)
                                            .and(FIFTH))
                            .mul(ShortVector.fromArray(SHORTS, x, k + 16));
            t =
                    codes.and(NIBBLE)
                            .or(
                                    ShortVector.broadcast(SHORTS, (short) bits)
                                            .mul(TO_TOP)
                                            .lanewise(LSHR, 11)
                                            .and(FIFTH))
                            .mul(ShortVector.fromArray(SHORTS, x, k))
                            .add(high)
                            .reinterpretAsInts();
            t.add(t.lanewise(LSHL, 16)).lanewise(ASHR, 16).intoArray(partials, to + b * SIDE);
            high =
                    next.lanewise(LSHR, 4)
                            .or(
                                    ShortVector.broadcast(SHORTS, (short) (nextBits >>> 16))
                                            .mul(TO_TOP)
                                            .lanewise(LSHR, 11)
                                            .and(FIFTH))
                            .mul(ShortVector.fromArray(SHORTS, x, k + 48));
            t =
                    next.and(NIBBLE)
                            .or(
                                    ShortVector.broadcast(SHORTS, (short) nextBits)
                                            .mul(TO_TOP)
                                            .lanewise(LSHR, 11)
                                            .and(FIFTH))
                            .mul(ShortVector.fromArray(SHORTS, x, k + 32))
                            .add(high)
                            .reinterpretAsInts();
            t.add(t.lanewise(LSHL, 16))
                    .lanewise(ASHR, 16)
                    .intoArray(partials, to + b * SIDE + SIDE);
        }
    }

    /**
     * As {@link #q4} for IQ4_NL and MXFP4, whose codes are places in a table of sixteen bytes:
     * looked up within 128 bits, that is one instruction. Scales are left to {@link #halfPowers}
     * and {@link #halves}.
     *
     * @param table what codes stand for; sixteen bytes of it are read
     */
    static void table(
            MemorySegment source,
            long at,
            int bytes,
            int blocks,
            byte[] table,
            short[] x,
            int xAt,
            int[] partials,
            int to) {
        ByteVector values = ByteVector.fromArray(BYTES, table, 0);
        for (int i = 0; i < blocks; i += 2) {
            int b = Math.min(i, blocks - 2);
            long last = at + (b + 1) * (long) bytes;
            int k = xAt + b * RUN;
            ByteVector codes = ByteVector.fromMemorySegment(BYTES, source, last - 16, ORDER);
            ByteVector next = ByteVector.fromMemorySegment(BYTES, source, last + bytes - 16, ORDER);
            ShortVector low;
            ShortVector high;
            IntVector t;
            low =
                    (ShortVector)
                            codes.and((byte) 15).selectFrom(values).convertShape(B2S, SHORTS, 0);
            high =
                    (ShortVector)
                            codes.reinterpretAsShorts()
                                    .lanewise(LSHR, 4)
                                    .reinterpretAsBytes()
                                    .and((byte) 15)
                                    .selectFrom(values)
                                    .convertShape(B2S, SHORTS, 0);
            high = high.mul(ShortVector.fromArray(SHORTS, x, k + 16));
            t = low.mul(ShortVector.fromArray(SHORTS, x, k)).add(high).reinterpretAsInts();
            t.lanewise(LSHL, 16)
                    .lanewise(ASHR, 16)
                    .add(t.lanewise(ASHR, 16))
                    .intoArray(partials, to + b * SIDE);
            low = (ShortVector) next.and((byte) 15).selectFrom(values).convertShape(B2S, SHORTS, 0);
            high =
                    (ShortVector)
                            next.reinterpretAsShorts()
                                    .lanewise(LSHR, 4)
                                    .reinterpretAsBytes()
                                    .and((byte) 15)
                                    .selectFrom(values)
                                    .convertShape(B2S, SHORTS, 0);
            high = high.mul(ShortVector.fromArray(SHORTS, x, k + 48));
            t = low.mul(ShortVector.fromArray(SHORTS, x, k + 32)).add(high).reinterpretAsInts();
            t.lanewise(LSHL, 16)
                    .lanewise(ASHR, 16)
                    .add(t.lanewise(ASHR, 16))
                    .intoArray(partials, to + b * SIDE + SIDE);
        }
    }

    /** Half-width floats, one in each block from {@code at}, to the places of a row. */
    static void halves(
            MemorySegment source, long at, int bytes, int blocks, float[] target, int line) {
        for (int b = 0; b < blocks; b++) {
            target[b * SIDE + line] = Lanes.half(source, at + b * (long) bytes);
        }
    }

    /** As {@link #halves} with the scales of MXFP4. */
    static void halfPowers(
            MemorySegment source, long at, int bytes, int blocks, float[] target, int line) {
        for (int b = 0; b < blocks; b++) {
            target[b * SIDE + line] = Lanes.halfPower(source, at + b * (long) bytes);
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
