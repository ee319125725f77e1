package dev.juggler.kernel.quant;

/** Conversions of BF16: the upper half of an F32. */
public final class BrainFloat {
    private BrainFloat() {}

    /** The value of BF16 bits, exactly. */
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** The nearest BF16, ties to even; a NaN stays one. */
    public static short ofFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >> 16) | 0x40);
        }
        return (short) ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }
}
