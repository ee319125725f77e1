package dev.juggler.kernel.quant;

import static dev.juggler.kernel.quant.BlockBytes.bits;
import static dev.juggler.kernel.quant.BlockBytes.half;
import static dev.juggler.kernel.quant.BlockBytes.unsignedByte;

import java.lang.foreign.MemorySegment;

/** Blocks of 256 elements that are -1, 0 or 1 times one F16 scale. */
final class TernaryFormats {
    private TernaryFormats() {}

    /**
     * Base three in fixed-point bytes: a byte is a fraction of 256, and multiplying it by 3 lets
     * its next digit overflow. 32 and then 16 bytes of five digits, 4 bytes of four, F16 scale.
     */
    static void tq1(MemorySegment source, long block, float[] target, int at) {
        float scale = half(source, block + 52);
        digits(source, block, 32, 5, scale, target, at);
        digits(source, block + 32, 16, 5, scale, target, at + 160);
        digits(source, block + 48, 4, 4, scale, target, at + 240);
    }

    /** 64 bytes of two-bit codes, of which a byte holds elements 32 apart, F16 scale. */
    static void tq2(MemorySegment source, long block, float[] target, int at) {
        float scale = half(source, block + 64);
        for (int i = 0; i < 256; i++) {
            int codes = unsignedByte(source, block + 32L * (i / 128) + i % 32);
            target[at + i] = (bits(codes, 2 * (i / 32 % 4), 2) - 1) * scale;
        }
    }

    private static void digits(
            MemorySegment source,
            long from,
            int bytes,
            int digits,
            float scale,
            float[] target,
            int at) {
        for (int i = 0; i < bytes; i++) {
            int fraction = unsignedByte(source, from + i);
            for (int digit = 0; digit < digits; digit++) {
                fraction *= 3;
                target[at + digit * bytes + i] = ((fraction >> 8) - 1) * scale;
                fraction &= 255;
            }
        }
    }
}
