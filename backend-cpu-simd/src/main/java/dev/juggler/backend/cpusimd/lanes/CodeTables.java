package dev.juggler.backend.cpusimd.lanes;

import dev.juggler.backend.cpusimd.CodeFormat;

/** What four-bit codes stand for that are places in a table, as bytes. */
final class CodeTables {
    /** Copies of a table, so that a vector of any width finds one for each sixteen of its bytes. */
    private static final int COPIES = 4;

    private static final byte[] NON_LINEAR =
            copies(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    /** Twice the values of the E2M1 codes of MXFP4 (OCP Microscaling Formats v1.0). */
    private static final byte[] TWICE_E2M1 =
            copies(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    private CodeTables() {}

    /** The table of a format, four times. */
    static byte[] of(CodeFormat format) {
        return switch (format) {
            case IQ4_NL, IQ4_XS -> NON_LINEAR;
            case MXFP4 -> TWICE_E2M1;
            default -> throw new IllegalArgumentException(format.toString());
        };
    }

    private static byte[] copies(int... table) {
        byte[] bytes = new byte[COPIES * table.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) table[i % table.length];
        }
        return bytes;
    }
}
