package dev.juggler.backend.cpusimd;

/** What codes stand for that are places in a table, as bytes; and scales that are powers of two. */
public final class CodeTables {
    /** Places of a table. */
    public static final int PLACES = 16;

    /** Copies of a table, so that a vector of any width finds one for each sixteen of its bytes. */
    private static final int COPIES = 4;

    private static final byte[] NON_LINEAR =
            copies(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    /** Twice the values of the E2M1 codes of MXFP4 (OCP Microscaling Formats v1.0). */
    private static final byte[] TWICE_E2M1 =
            copies(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    private CodeTables() {}

    /** The table of a format, four times. */
    public static byte[] of(CodeFormat format) {
        return switch (format) {
            case IQ4_NL, IQ4_XS -> NON_LINEAR;
            case MXFP4 -> TWICE_E2M1;
            default -> throw new IllegalArgumentException(format.toString());
        };
    }

    /**
     * Half of 2^(exponent - 127): the scale of a block of MXFP4, whose table holds twice the
     * values.
     *
     * @param exponent a byte without sign
     */
    public static float halfPower(int exponent) {
        // The two smallest are subnormal numbers.
        int bits = exponent > 1 ? (exponent - 1) << 23 : 0x00200000 << exponent;
        return Float.intBitsToFloat(bits);
    }

    private static byte[] copies(int... table) {
        byte[] bytes = new byte[COPIES * PLACES];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) table[i % PLACES];
        }
        return bytes;
    }
}
