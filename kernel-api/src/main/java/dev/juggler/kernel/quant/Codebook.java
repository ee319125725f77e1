package dev.juggler.kernel.quant;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A fixed table of short vectors into which the codes of an I-quant point. The tables are part of
 * the formats' definition; they were found by clustering, so they are stored and not computed.
 */
public final class Codebook {
    /** Vectors of 8 from {-1, 0, 1}; serves IQ1_S and IQ1_M. */
    public static final Codebook IQ1_S;

    /** Vectors of 8. */
    public static final Codebook IQ2_XXS;

    /** Vectors of 8. */
    public static final Codebook IQ2_XS;

    /** Vectors of 8. */
    public static final Codebook IQ2_S;

    /** Vectors of 4. */
    public static final Codebook IQ3_XXS;

    /** Vectors of 4. */
    public static final Codebook IQ3_S;

    /**
     * All tables one after the other. An entry is 16 bits, little endian: element i of the vector
     * is the level number in bits [b·i, b·(i + 1)), with b = 2 for vectors of 8 and 3 for 4.
     */
    private static final String RESOURCE = "codebooks.bin";

    static {
        byte[] packed = load();
        byte[] ternary = {-1, 0, 1};
        byte[] three = {8, 25, 43};
        IQ1_S = new Codebook(packed, 0, 2048, ternary);
        IQ2_XXS = new Codebook(packed, 2048, 256, three);
        IQ2_XS = new Codebook(packed, 2304, 512, three);
        IQ2_S = new Codebook(packed, 2816, 1024, three);
        IQ3_XXS = new Codebook(packed, 3840, 256, new byte[] {4, 12, 20, 28, 36, 44, 52, 62});
        IQ3_S = new Codebook(packed, 4096, 512, new byte[] {1, 3, 5, 7, 9, 11, 13, 15});
    }

    private final int width;
    private final byte[] values;

    private Codebook(byte[] packed, int firstEntry, int entries, byte[] levels) {
        int bits = levels.length == 8 ? 3 : 2;
        width = levels.length == 8 ? 4 : 8;
        values = new byte[entries * width];
        for (int i = 0; i < values.length; i++) {
            int at = 2 * (firstEntry + i / width);
            int entry = (packed[at] & 0xFF) | ((packed[at + 1] & 0xFF) << 8);
            values[i] = levels[(entry >> (bits * (i % width))) & ((1 << bits) - 1)];
        }
    }

    /** Elements of a vector. */
    public int width() {
        return width;
    }

    /** All vectors one after the other, for a backend that keeps its own copy. */
    public byte[] values() {
        return Arrays.copyOf(values, values.length);
    }

    /** Element {@code element} of vector {@code index}. */
    int value(int index, int element) {
        return values[index * width + element];
    }

    private static byte[] load() {
        try (@Nullable InputStream in = Codebook.class.getResourceAsStream(RESOURCE)) {
            if (in == null) {
                throw new IllegalStateException(RESOURCE + " is missing from this jar");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
