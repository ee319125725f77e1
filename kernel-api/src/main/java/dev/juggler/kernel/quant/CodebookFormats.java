package dev.juggler.kernel.quant;

import static dev.juggler.kernel.quant.BlockBytes.bits;
import static dev.juggler.kernel.quant.BlockBytes.half;
import static dev.juggler.kernel.quant.BlockBytes.int32;
import static dev.juggler.kernel.quant.BlockBytes.unsignedByte;
import static dev.juggler.kernel.quant.BlockBytes.unsignedShort;

import java.lang.foreign.MemorySegment;

/**
 * Blocks of 256 elements in eight groups of 32, stored as indices into a {@link Codebook}, signs
 * and a scale for a group or half of one.
 */
final class CodebookFormats {
    /** All elements of an IQ1 vector are shifted by this, up or down. */
    private static final float IQ1_SHIFT = 0.125f;

    private CodebookFormats() {}

    /** F16 factor; for each group 4 index bytes, then 28 sign bits and 4 scale bits. */
    static void iq2ExtraExtraSmall(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block);
        for (int group = 0; group < 8; group++) {
            long indices = block + 2 + 8L * group;
            int signsAndScale = int32(source, indices + 4);
            float scale = factor * (0.5f + (signsAndScale >>> 28)) * 0.25f;
            for (int i = 0; i < 4; i++) {
                int index = unsignedByte(source, indices + i);
                int signs = eighthSign(bits(signsAndScale, 7 * i, 7));
                int to = at + 32 * group + 8 * i;
                signed(Codebook.IQ2_XXS, index, scale, signs, target, to);
            }
        }
    }

    /** F16 factor, 32 shorts of 9 index bits and 7 sign bits, 8 bytes of two scales each. */
    static void iq2ExtraSmall(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block);
        for (int i = 0; i < 32; i++) {
            int code = unsignedShort(source, block + 2 + 2L * i);
            float scale = halfGroupScale(source, block + 66, factor, i);
            int signs = eighthSign(bits(code, 9, 7));
            signed(Codebook.IQ2_XS, bits(code, 0, 9), scale, signs, target, at + 8 * i);
        }
    }

    /**
     * F16 factor, 32 low index bytes, 32 bytes of signs, 8 bytes of two high index bits for four
     * vectors, 8 bytes of two scales each.
     */
    static void iq2Small(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block);
        for (int i = 0; i < 32; i++) {
            int high = bits(unsignedByte(source, block + 66 + i / 4), 2 * (i % 4), 2);
            int index = unsignedByte(source, block + 2 + i) + 256 * high;
            int signs = unsignedByte(source, block + 34 + i);
            float scale = halfGroupScale(source, block + 74, factor, i);
            signed(Codebook.IQ2_S, index, scale, signs, target, at + 8 * i);
        }
    }

    /** F16 factor, 64 index bytes, for each group 28 sign bits and 4 scale bits. */
    static void iq3ExtraExtraSmall(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block);
        for (int group = 0; group < 8; group++) {
            int signsAndScale = int32(source, block + 66 + 4L * group);
            float scale = factor * (0.5f + (signsAndScale >>> 28)) * 0.5f;
            for (int i = 0; i < 8; i++) {
                int index = unsignedByte(source, block + 2 + 8L * group + i);
                int signs = eighthSign(bits(signsAndScale, 7 * (i / 2), 7)) >> (4 * (i % 2));
                int to = at + 32 * group + 4 * i;
                signed(Codebook.IQ3_XXS, index, scale, signs, target, to);
            }
        }
    }

    /**
     * F16 factor, 64 low index bytes, 8 bytes of ninth index bits, 32 bytes of signs, 4 bytes of
     * two group scales each.
     */
    static void iq3Small(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block);
        for (int group = 0; group < 8; group++) {
            int ninth = unsignedByte(source, block + 66 + group);
            int packed = bits(unsignedByte(source, block + 106 + group / 2), 4 * (group % 2), 4);
            float scale = factor * (1 + 2 * packed);
            for (int i = 0; i < 8; i++) {
                int low = unsignedByte(source, block + 2 + 8L * group + i);
                int index = low + 256 * bits(ninth, i, 1);
                int signs = unsignedByte(source, block + 74 + 4L * group + i / 2) >> (4 * (i % 2));
                signed(Codebook.IQ3_S, index, scale, signs, target, at + 32 * group + 4 * i);
            }
        }
    }

    /**
     * F16 factor, 32 low index bytes, for each group a short: three high bits of four indices,
     * three scale bits, the sign of the shift.
     */
    static void iq1Small(MemorySegment source, long block, float[] target, int at) {
        float factor = half(source, block);
        for (int group = 0; group < 8; group++) {
            int high = unsignedShort(source, block + 34 + 2L * group);
            float scale = factor * (2 * bits(high, 12, 3) + 1);
            float shift = bits(high, 15, 1) != 0 ? -IQ1_SHIFT : IQ1_SHIFT;
            for (int i = 0; i < 4; i++) {
                int low = unsignedByte(source, block + 2 + 4L * group + i);
                int index = low + 256 * bits(high, 3 * i, 3);
                shifted(index, scale, shift, target, at + 32 * group + 8 * i);
            }
        }
    }

    /**
     * 32 low index bytes, 16 bytes with three high index bits and the sign of the shift for two
     * vectors, four shorts with four scales of three bits each and, in their top four bits, the F16
     * factor from its lowest bits up.
     */
    static void iq1Medium(MemorySegment source, long block, float[] target, int at) {
        int factorBits = 0;
        for (int i = 0; i < 4; i++) {
            factorBits |= bits(unsignedShort(source, block + 48 + 2L * i), 12, 4) << (4 * i);
        }
        float factor = Float.float16ToFloat((short) factorBits);
        for (int i = 0; i < 32; i++) {
            int high = bits(unsignedByte(source, block + 32 + i / 2), 4 * (i % 2), 4);
            int index = unsignedByte(source, block + i) + 256 * bits(high, 0, 3);
            float shift = bits(high, 3, 1) != 0 ? -IQ1_SHIFT : IQ1_SHIFT;
            int halfGroup = i / 2;
            int scales = unsignedShort(source, block + 48 + 2L * (halfGroup / 4));
            float scale = factor * (2 * bits(scales, 3 * (halfGroup % 4), 3) + 1);
            shifted(index, scale, shift, target, at + 8 * i);
        }
    }

    /** Seven signs are stored; the eighth makes the number of minus signs even. */
    private static int eighthSign(int sevenSigns) {
        return sevenSigns | ((Integer.bitCount(sevenSigns) & 1) << 7);
    }

    /** Scale of vector {@code vector} of 8: four bits for 16 elements. */
    private static float halfGroupScale(
            MemorySegment source, long scales, float factor, int vector) {
        int packed = bits(unsignedByte(source, scales + vector / 4), 4 * (vector / 2 % 2), 4);
        return factor * (0.5f + packed) * 0.25f;
    }

    private static void signed(
            Codebook book, int index, float scale, int signs, float[] target, int at) {
        for (int i = 0; i < book.width(); i++) {
            float magnitude = scale * book.value(index, i);
            target[at + i] = bits(signs, i, 1) != 0 ? -magnitude : magnitude;
        }
    }

    private static void shifted(int index, float scale, float shift, float[] target, int at) {
        for (int i = 0; i < 8; i++) {
            target[at + i] = scale * (Codebook.IQ1_S.value(index, i) + shift);
        }
    }
}
