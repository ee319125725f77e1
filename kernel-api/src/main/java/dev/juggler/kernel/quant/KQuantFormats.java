package dev.juggler.kernel.quant;

import static dev.juggler.kernel.quant.BlockBytes.bits;
import static dev.juggler.kernel.quant.BlockBytes.half;
import static dev.juggler.kernel.quant.BlockBytes.signedByte;
import static dev.juggler.kernel.quant.BlockBytes.unsignedByte;
import static dev.juggler.kernel.quant.BlockBytes.unsignedShort;

import java.lang.foreign.MemorySegment;

/**
 * Blocks of 256 elements in groups of 16 or 32, whose small integer scales share one or two F16
 * factors. Codes of groups are interleaved: a byte holds bits of elements that are 32 apart.
 */
final class KQuantFormats {
    private KQuantFormats() {}

    /**
     * 16 bytes with a scale (low) and a minimum (high) for each 16 elements, 64 bytes of two-bit
     * codes, F16 factor of the scales, F16 factor of the minimums.
     */
    static void q2(MemorySegment source, long block, float[] target, int at) {
        float scales = half(source, block + 80);
        float minimums = half(source, block + 82);
        for (int group = 0; group < 16; group++) {
            int packed = unsignedByte(source, block + group);
            float scale = scales * (packed & 15);
            float minimum = minimums * (packed >> 4);
            long codes = block + 16 + codeByte(group);
            for (int i = 0; i < 16; i++) {
                int code = bits(unsignedByte(source, codes + i), codeShift(group), 2);
                target[at + 16 * group + i] = scale * code - minimum;
            }
        }
    }

    /**
     * 32 bytes of third bits, 64 bytes of two low bits, 12 bytes with 16 scales of six bits, F16
     * factor. A third bit that is clear subtracts 4.
     */
    static void q3(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block + 108);
        for (int group = 0; group < 16; group++) {
            float scale = factor * (sixBitScale(source, block + 96, group) - 32);
            long lowBits = block + 32 + codeByte(group);
            long thirdBits = block + 16L * (group % 2);
            for (int i = 0; i < 16; i++) {
                int low = bits(unsignedByte(source, lowBits + i), codeShift(group), 2);
                int third = bits(unsignedByte(source, thirdBits + i), group / 2, 1);
                target[at + 16 * group + i] = scale * (low + 4 * third - 4);
            }
        }
    }

    /** F16 factors of scales and minimums, 12 bytes of both in six bits, 128 bytes of codes. */
    static void q4(MemorySegment source, long block, float[] target, int at) {
        for (int group = 0; group < 8; group++) {
            float scale = half(source, block) * groupScale(source, block + 4, group);
            float minimum = half(source, block + 2) * groupMinimum(source, block + 4, group);
            long codes = block + 16 + 32L * (group / 2);
            int shift = 4 * (group % 2);
            for (int i = 0; i < 32; i++) {
                int code = bits(unsignedByte(source, codes + i), shift, 4);
                target[at + 32 * group + i] = scale * code - minimum;
            }
        }
    }

    /** As {@link #q4} with 32 bytes of fifth bits before the codes; bit g belongs to group g. */
    static void q5(MemorySegment source, long block, float[] target, int at) {
        for (int group = 0; group < 8; group++) {
            float scale = half(source, block) * groupScale(source, block + 4, group);
            float minimum = half(source, block + 2) * groupMinimum(source, block + 4, group);
            long codes = block + 48 + 32L * (group / 2);
            int shift = 4 * (group % 2);
            for (int i = 0; i < 32; i++) {
                int low = bits(unsignedByte(source, codes + i), shift, 4);
                int fifth = bits(unsignedByte(source, block + 16 + i), group, 1);
                target[at + 32 * group + i] = scale * (low + 16 * fifth) - minimum;
            }
        }
    }

    /** 128 bytes of four low bits, 64 bytes of two high bits, 16 signed scales, F16 factor. */
    static void q6(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block + 208);
        for (int group = 0; group < 16; group++) {
            float scale = factor * signedByte(source, block + 192 + group);
            int half = group / 8;
            int quarter = group / 2 % 4;
            int first = 16 * (group % 2);
            long lowBits = block + 64L * half + 32L * (quarter % 2) + first;
            long highBits = block + 128 + 32L * half + first;
            for (int i = 0; i < 16; i++) {
                int low = bits(unsignedByte(source, lowBits + i), 4 * (quarter / 2), 4);
                int high = bits(unsignedByte(source, highBits + i), 2 * quarter, 2);
                target[at + 16 * group + i] = scale * (low + 16 * high - 32);
            }
        }
    }

    /**
     * F16 factor, two high bits of eight scales, four low bits of them, 128 bytes of codes into the
     * table of IQ4_NL.
     */
    static void iq4ExtraSmall(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block);
        int highBits = unsignedShort(source, block + 2);
        for (int group = 0; group < 8; group++) {
            int low = bits(unsignedByte(source, block + 4 + group / 2), 4 * (group % 2), 4);
            int high = bits(highBits, 2 * group, 2);
            float scale = factor * (low + 16 * high - 32);
            SmallBlockFormats.nonLinear(
                    source, block + 8 + 16L * group, scale, target, at + 32 * group);
        }
    }

    /** First byte of the two-bit codes of a group of 16: 32 bytes serve 128 elements. */
    private static int codeByte(int group) {
        return 32 * (group / 8) + 16 * (group % 2);
    }

    private static int codeShift(int group) {
        return 2 * (group / 2 % 4);
    }

    /**
     * Sixteen scales of six bits in 12 bytes: low four bits in the halves of the first eight bytes,
     * high two bits in the last four, scale s in byte s % 4 at bit 2 · (s / 4).
     */
    private static int sixBitScale(MemorySegment source, long scales, int index) {
        int low = bits(unsignedByte(source, scales + index % 8), 4 * (index / 8), 4);
        int high = bits(unsignedByte(source, scales + 8 + index % 4), 2 * (index / 4), 2);
        return low + 16 * high;
    }

    /**
     * Eight scales and eight minimums of six bits in 12 bytes: the first four of each lie in the
     * low six bits of bytes 0 to 3 and 4 to 7; the others have their low four bits in bytes 8 to 11
     * (scale low, minimum high) and their high two on top of the first ones.
     */
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
