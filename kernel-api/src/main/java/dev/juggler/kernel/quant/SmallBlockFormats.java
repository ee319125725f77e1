package dev.juggler.kernel.quant;

import static dev.juggler.kernel.quant.BlockBytes.bits;
import static dev.juggler.kernel.quant.BlockBytes.half;
import static dev.juggler.kernel.quant.BlockBytes.int32;
import static dev.juggler.kernel.quant.BlockBytes.signedByte;
import static dev.juggler.kernel.quant.BlockBytes.unsignedByte;

import java.lang.foreign.MemorySegment;

/**
 * Blocks of 32 elements with a scale of their own. Where codes have four bits, byte j holds element
 * j in its low half and element j + 16 in its high half.
 */
final class SmallBlockFormats {
    private static final int HALF_BLOCK = 16;

    /** What the 16 codes of IQ4_NL and IQ4_XS stand for. */
    private static final byte[] NON_LINEAR = {
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
    };

    /** Twice the values of the E2M1 codes of MXFP4 (OCP Microscaling Formats v1.0). */
    private static final byte[] TWICE_E2M1 = {
        0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12
    };

    private SmallBlockFormats() {}

    /** F16 scale, 16 bytes of codes: (code - 8) · scale. */
    static void q4Zero(MemorySegment source, long block, float[] target, int at) {
        float scale = half(source, block);
        for (int j = 0; j < HALF_BLOCK; j++) {
            int codes = unsignedByte(source, block + 2 + j);
            target[at + j] = ((codes & 15) - 8) * scale;
            target[at + j + HALF_BLOCK] = ((codes >> 4) - 8) * scale;
        }
    }

    /** F16 scale, F16 minimum, 16 bytes of codes: code · scale + minimum. */
    static void q4One(MemorySegment source, long block, float[] target, int at) {
        float scale = half(source, block);
        float minimum = half(source, block + 2);
        for (int j = 0; j < HALF_BLOCK; j++) {
            int codes = unsignedByte(source, block + 4 + j);
            target[at + j] = (codes & 15) * scale + minimum;
            target[at + j + HALF_BLOCK] = (codes >> 4) * scale + minimum;
        }
    }

    /** F16 scale, 32 fifth bits, 16 bytes of low bits: (code - 16) · scale. */
    static void q5Zero(MemorySegment source, long block, float[] target, int at) {
        float scale = half(source, block);
        int fifth = int32(source, block + 2);
        for (int j = 0; j < HALF_BLOCK; j++) {
            int codes = unsignedByte(source, block + 6 + j);
            target[at + j] = (fiveBits(codes & 15, fifth, j) - 16) * scale;
            target[at + j + HALF_BLOCK] =
                    (fiveBits(codes >> 4, fifth, j + HALF_BLOCK) - 16) * scale;
        }
    }

    /** F16 scale, F16 minimum, 32 fifth bits, 16 bytes of low bits: code · scale + minimum. */
    static void q5One(MemorySegment source, long block, float[] target, int at) {
        float scale = half(source, block);
        float minimum = half(source, block + 2);
        int fifth = int32(source, block + 4);
        for (int j = 0; j < HALF_BLOCK; j++) {
            int codes = unsignedByte(source, block + 8 + j);
            target[at + j] = fiveBits(codes & 15, fifth, j) * scale + minimum;
            target[at + j + HALF_BLOCK] =
                    fiveBits(codes >> 4, fifth, j + HALF_BLOCK) * scale + minimum;
        }
    }

    /** F16 scale, 32 signed bytes. */
    static void q8Zero(MemorySegment source, long block, float[] target, int at) {
        float scale = half(source, block);
        for (int j = 0; j < 2 * HALF_BLOCK; j++) {
            target[at + j] = signedByte(source, block + 2 + j) * scale;
        }
    }

    /** F16 scale, 16 bytes of codes into a fixed table. */
    static void iq4NonLinear(MemorySegment source, long block, float[] target, int at) {
        nonLinear(source, block + 2, half(source, block), target, at);
    }

    /** 16 bytes of codes into the non-linear table, which IQ4_XS shares. */
    static void nonLinear(MemorySegment source, long codesAt, float scale, float[] target, int at) {
        for (int j = 0; j < HALF_BLOCK; j++) {
            int codes = unsignedByte(source, codesAt + j);
            target[at + j] = NON_LINEAR[codes & 15] * scale;
            target[at + j + HALF_BLOCK] = NON_LINEAR[codes >> 4] * scale;
        }
    }

    /** A power of two as scale (E8M0), 16 bytes of E2M1 codes. */
    static void mxfp4(MemorySegment source, long block, float[] target, int at) {
        // Half of 2^(exponent - 127), since the table holds twice the values.
        float scale = Math.scalb(1f, unsignedByte(source, block) - 128);
        for (int j = 0; j < HALF_BLOCK; j++) {
            int codes = unsignedByte(source, block + 1 + j);
            target[at + j] = TWICE_E2M1[codes & 15] * scale;
            target[at + j + HALF_BLOCK] = TWICE_E2M1[codes >> 4] * scale;
        }
    }

    private static int fiveBits(int low, int fifth, int element) {
        return low + 16 * bits(fifth, element, 1);
    }
}
