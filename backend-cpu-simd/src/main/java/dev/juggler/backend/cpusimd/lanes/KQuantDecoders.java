package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.half;
import static dev.juggler.backend.cpusimd.lanes.Lanes.toFloats;
import static dev.juggler.backend.cpusimd.lanes.Lanes.unsignedByte;
import static dev.juggler.backend.cpusimd.lanes.Lanes.unsignedBytes;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Blocks of 256 elements in groups of 16 or 32, whose small integer scales share one or two F16
 * factors. The layouts are told in {@code dev.juggler.kernel.quant.KQuantFormats}.
 */
final class KQuantDecoders {
    private static final int BLOCK = 256;

    // Bits of each of the four bytes of a word.
    private static final int LOW_TWO = 0x03030303;
    private static final int LOW_FOUR = 0x0F0F0F0F;
    private static final int LOW_SIX = 0x3F3F3F3F;

    private KQuantDecoders() {}

    static void q2(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int run = 0; run < 4 * blocks; run++) {
            long block = offset + 84L * (run / 4);
            float scales = half(source, block + 80);
            float minimums = half(source, block + 82);
            int first = run / 2 % 2 * 8 + run % 2;
            long codes = block + 16 + 16L * (run % 4);
            int to = at + run / 4 * BLOCK + 16 * first;
            for (int quarter = 0; quarter < 4; quarter++) {
                int packed = unsignedByte(source, block + first + 2L * quarter);
                float scale = scales * (packed & 15);
                float minimum = minimums * (packed >> 4);
                int shift = 2 * quarter;
                for (int i = 0; i < 16; i += LENGTH) {
                    twoBits(source, codes, i, shift, scale, minimum, target, to + 32 * quarter);
                }
            }
        }
    }

    private static void twoBits(
            MemorySegment source,
            long codes,
            int i,
            int shift,
            float scale,
            float minimum,
            float[] target,
            int to) {
        toFloats(unsignedBytes(source, codes, i).lanewise(VectorOperators.LSHR, shift).and(3))
                .mul(scale)
                .sub(minimum)
                .intoArray(target, to + i);
    }

    static void q3(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int quad = 0; quad < 4 * blocks; quad++) {
            long block = offset + 110L * (quad / 4);
            int inner = quad % 4;
            float factor = half(source, block + 108);
            // Four scales of six bits: low four bits from one of two words, high two from the
            // third.
            int low = Lanes.int32(source, block + 96 + 4L * (inner % 2)) >>> (4 * (inner / 2));
            int high = Lanes.int32(source, block + 104) >>> (2 * inner);
            int packed = (low & LOW_FOUR) | ((high & LOW_TWO) << 4);
            for (int i = 0; i < 4; i++) {
                int group = 4 * inner + i;
                float scale = factor * (((packed >>> (8 * i)) & 63) - 32);
                long thirds = block + 16L * (i % 2);
                long codes = thirds + 32 + 32L * (group / 8);
                int to = at + 64 * quad + 16 * i;
                for (int j = 0; j < 16; j += LENGTH) {
                    threeBits(source, codes + j, thirds + j, group / 2, scale, target, to + j);
                }
            }
        }
    }

    private static void threeBits(
            MemorySegment source,
            long codes,
            long thirds,
            int pair,
            float scale,
            float[] target,
            int to) {
        IntVector low =
                unsignedBytes(source, codes, 0)
                        .lanewise(VectorOperators.LSHR, 2 * (pair % 4))
                        .and(3);
        IntVector third =
                unsignedBytes(source, thirds, 0)
                        .lanewise(VectorOperators.LSHR, pair)
                        .and(1)
                        .lanewise(VectorOperators.LSHL, 2);
        toFloats(low.or(third).sub(4)).mul(scale).intoArray(target, to);
    }

    /** Two groups of 32 share their bytes. */
    static void q4(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            long block = offset + 144L * (pair / 4);
            int scale = twoScales(source, block + 4, pair % 4);
            int minimum = twoMinimums(source, block + 4, pair % 4);
            float scales = half(source, block);
            float minimums = half(source, block + 2);
            float scale0 = scales * (scale & 63);
            float scale1 = scales * (scale >>> 8);
            float minimum0 = minimums * (minimum & 63);
            float minimum1 = minimums * (minimum >>> 8);
            long codes = block + 16 + 32L * (pair % 4);
            int to = at + 64 * pair;
            for (int i = 0; i < 32; i += LENGTH) {
                IntVector both = unsignedBytes(source, codes, i);
                toFloats(both.and(15)).mul(scale0).sub(minimum0).intoArray(target, to + i);
                toFloats(both.lanewise(VectorOperators.LSHR, 4))
                        .mul(scale1)
                        .sub(minimum1)
                        .intoArray(target, to + 32 + i);
            }
        }
    }

    /** As {@link #q4}; bit g of the bytes before the codes is the fifth bit of group g. */
    static void q5(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            long block = offset + 176L * (pair / 4);
            int scale = twoScales(source, block + 4, pair % 4);
            int minimum = twoMinimums(source, block + 4, pair % 4);
            float scales = half(source, block);
            float minimums = half(source, block + 2);
            float scale0 = scales * (scale & 63);
            float scale1 = scales * (scale >>> 8);
            float minimum0 = minimums * (minimum & 63);
            float minimum1 = minimums * (minimum >>> 8);
            long codes = block + 48 + 32L * (pair % 4);
            int shift = 2 * (pair % 4);
            int to = at + 64 * pair;
            for (int i = 0; i < 32; i += LENGTH) {
                IntVector both = unsignedBytes(source, codes, i);
                IntVector fifths =
                        unsignedBytes(source, block + 16, i).lanewise(VectorOperators.LSHR, shift);
                toFloats(both.and(15).or(fifths.and(1).lanewise(VectorOperators.LSHL, 4)))
                        .mul(scale0)
                        .sub(minimum0)
                        .intoArray(target, to + i);
                toFloats(
                                both.lanewise(VectorOperators.LSHR, 4)
                                        .or(fifths.and(2).lanewise(VectorOperators.LSHL, 3)))
                        .mul(scale1)
                        .sub(minimum1)
                        .intoArray(target, to + 32 + i);
            }
        }
    }

    /**
     * A half of a block has 32 bytes of high bits for four quarters of 32 elements; quarters q and
     * q + 2 share their bytes of low bits. One round of the loop is 16 elements of two quarters.
     */
    static void q6(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int round = 0; round < 8 * blocks; round++) {
            long block = offset + 210L * (round / 8);
            int half = round / 4 % 2;
            int quarter = round / 2 % 2;
            int first = round % 2 * 16;
            float factor = half(source, block + 208);
            long scales =
                    Lanes.int64(source, block + 192 + 8L * half) >>> (16 * quarter + first / 2);
            float scale0 = factor * (byte) scales;
            float scale1 = factor * (byte) (scales >>> 32);
            long lows = block + 64L * half + 32L * quarter + first;
            long highs = block + 128 + 32L * half + first;
            int to = at + round / 8 * BLOCK + 128 * half + 32 * quarter + first;
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector low = unsignedBytes(source, lows, i);
                IntVector high =
                        unsignedBytes(source, highs, i).lanewise(VectorOperators.LSHR, 2 * quarter);
                toFloats(low.and(15).or(high.and(3).lanewise(VectorOperators.LSHL, 4)).sub(32))
                        .mul(scale0)
                        .intoArray(target, to + i);
                toFloats(low.lanewise(VectorOperators.LSHR, 4).or(high.and(48)).sub(32))
                        .mul(scale1)
                        .intoArray(target, to + 64 + i);
            }
        }
    }

    /**
     * Scales of groups 2 · pair and 2 · pair + 1, in the low bytes. The first four scales are the
     * low six bits of the first word; the last four have their low four bits in the low halves of
     * the third word's bytes and their high two on top of the first ones.
     */
    private static int twoScales(MemorySegment source, long packed, int pair) {
        int first = Lanes.int32(source, packed);
        int words =
                pair < 2
                        ? first & LOW_SIX
                        : (Lanes.int32(source, packed + 8) & LOW_FOUR)
                                | (((first >>> 6) & LOW_TWO) << 4);
        return (words >>> (16 * (pair % 2))) & 0xFFFF;
    }

    /** As {@link #twoScales}: the second word, and the high halves of the third. */
    private static int twoMinimums(MemorySegment source, long packed, int pair) {
        int second = Lanes.int32(source, packed + 4);
        int words =
                pair < 2
                        ? second & LOW_SIX
                        : ((Lanes.int32(source, packed + 8) >>> 4) & LOW_FOUR)
                                | (((second >>> 6) & LOW_TWO) << 4);
        return (words >>> (16 * (pair % 2))) & 0xFFFF;
    }
}
