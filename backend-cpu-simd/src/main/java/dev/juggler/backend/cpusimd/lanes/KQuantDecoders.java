package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;
import static dev.juggler.backend.cpusimd.lanes.Lanes.half;
import static dev.juggler.backend.cpusimd.lanes.Lanes.toFloats;
import static dev.juggler.backend.cpusimd.lanes.Lanes.unsignedByte;
import static dev.juggler.backend.cpusimd.lanes.Lanes.unsignedBytes;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Blocks of 256 elements in groups of 16 or 32, whose small integer scales share one or two F16
 * factors. The layouts are told in {@code dev.juggler.kernel.quant.KQuantFormats}.
 */
final class KQuantDecoders {
    private static final int BLOCK = 256;

    private KQuantDecoders() {}

    static void q2(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int group = 0; group < 16 * blocks; group++) {
            long block = offset + 84L * (group / 16);
            int inner = group % 16;
            int packed = unsignedByte(source, block + inner);
            FloatVector scale = all(half(source, block + 80) * (packed & 15));
            FloatVector minimum = all(half(source, block + 82) * (packed >> 4));
            long codes = block + 16 + codeByte(inner);
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector two = unsignedBytes(source, codes, i);
                toFloats(two.lanewise(VectorOperators.LSHR, codeShift(inner)).and(3))
                        .mul(scale)
                        .sub(minimum)
                        .intoArray(target, at + 16 * group + i);
            }
        }
    }

    static void q3(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int group = 0; group < 16 * blocks; group++) {
            long block = offset + 110L * (group / 16);
            int inner = group % 16;
            float factor = half(source, block + 108);
            FloatVector scale = all(factor * (sixBitScale(source, block + 96, inner) - 32));
            long codes = block + 32 + codeByte(inner);
            long thirds = block + 16L * (inner % 2);
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector low = unsignedBytes(source, codes, i);
                IntVector third = unsignedBytes(source, thirds, i);
                toFloats(
                                low.lanewise(VectorOperators.LSHR, codeShift(inner))
                                        .and(3)
                                        .or(
                                                third.lanewise(VectorOperators.LSHR, inner / 2)
                                                        .and(1)
                                                        .lanewise(VectorOperators.LSHL, 2))
                                        .sub(4))
                        .mul(scale)
                        .intoArray(target, at + 16 * group + i);
            }
        }
    }

    /** Two groups of 32 share their bytes. */
    static void q4(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            long block = offset + 144L * (pair / 4);
            int group = pair % 4 * 2;
            float scales = half(source, block);
            float minimums = half(source, block + 2);
            FloatVector scale0 = all(scales * groupScale(source, block + 4, group));
            FloatVector scale1 = all(scales * groupScale(source, block + 4, group + 1));
            FloatVector minimum0 = all(minimums * groupMinimum(source, block + 4, group));
            FloatVector minimum1 = all(minimums * groupMinimum(source, block + 4, group + 1));
            long codes = block + 16 + 16L * group;
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

    static void q5(MemorySegment source, long offset, int blocks, float[] target, int at) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            long block = offset + 176L * (pair / 4);
            int group = pair % 4 * 2;
            float scales = half(source, block);
            float minimums = half(source, block + 2);
            FloatVector scale0 = all(scales * groupScale(source, block + 4, group));
            FloatVector scale1 = all(scales * groupScale(source, block + 4, group + 1));
            FloatVector minimum0 = all(minimums * groupMinimum(source, block + 4, group));
            FloatVector minimum1 = all(minimums * groupMinimum(source, block + 4, group + 1));
            long codes = block + 48 + 16L * group;
            int to = at + 64 * pair;
            for (int i = 0; i < 32; i += LENGTH) {
                IntVector both = unsignedBytes(source, codes, i);
                IntVector fifths =
                        unsignedBytes(source, block + 16, i).lanewise(VectorOperators.LSHR, group);
                IntVector fifth0 = fifths.and(1).lanewise(VectorOperators.LSHL, 4);
                IntVector fifth1 = fifths.and(2).lanewise(VectorOperators.LSHL, 3);
                toFloats(both.and(15).or(fifth0))
                        .mul(scale0)
                        .sub(minimum0)
                        .intoArray(target, to + i);
                toFloats(both.lanewise(VectorOperators.LSHR, 4).or(fifth1))
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
            long lows = block + 64L * half + 32L * quarter + first;
            long highs = block + 128 + 32L * half + first;
            int group = 8 * half + 2 * quarter + first / 16;
            float factor = half(source, block + 208);
            FloatVector scale0 = all(factor * Lanes.signedByte(source, block + 192 + group));
            FloatVector scale1 = all(factor * Lanes.signedByte(source, block + 196 + group));
            int to = at + round / 8 * BLOCK + 128 * half + 32 * quarter + first;
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector low = unsignedBytes(source, lows, i);
                IntVector high =
                        unsignedBytes(source, highs, i).lanewise(VectorOperators.LSHR, 2 * quarter);
                IntVector high0 = high.and(3).lanewise(VectorOperators.LSHL, 4);
                IntVector high1 = high.and(48);
                toFloats(low.and(15).or(high0).sub(32)).mul(scale0).intoArray(target, to + i);
                toFloats(low.lanewise(VectorOperators.LSHR, 4).or(high1).sub(32))
                        .mul(scale1)
                        .intoArray(target, to + 64 + i);
            }
        }
    }

    private static FloatVector all(float value) {
        return FloatVector.broadcast(FLOATS, value);
    }

    /** First byte of the two-bit codes of a group of 16: 32 bytes serve 128 elements. */
    private static int codeByte(int group) {
        return 32 * (group / 8) + 16 * (group % 2);
    }

    private static int codeShift(int group) {
        return 2 * (group / 2 % 4);
    }

    private static int sixBitScale(MemorySegment source, long scales, int index) {
        int low = unsignedByte(source, scales + index % 8) >> (4 * (index / 8)) & 15;
        int high = unsignedByte(source, scales + 8 + index % 4) >> (2 * (index / 4)) & 3;
        return low + 16 * high;
    }

    private static int groupScale(MemorySegment source, long packed, int group) {
        if (group < 4) {
            return unsignedByte(source, packed + group) & 63;
        }
        int low = unsignedByte(source, packed + 4 + group) & 15;
        return low + 16 * (unsignedByte(source, packed + group - 4) >> 6);
    }

    private static int groupMinimum(MemorySegment source, long packed, int group) {
        if (group < 4) {
            return unsignedByte(source, packed + 4 + group) & 63;
        }
        int low = unsignedByte(source, packed + 4 + group) >> 4;
        return low + 16 * (unsignedByte(source, packed + group) >> 6);
    }
}
