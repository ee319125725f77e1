package dev.juggler.kernel;

import java.util.Arrays;
import java.util.Optional;

/**
 * Element type of a tensor. Quantized types store {@link #blockElements()} values in {@link
 * #blockBytes()} bytes; the numbers are those of the GGUF specification (ggml type ids).
 */
public enum DType {
    F32(0, 1, 4),
    F16(1, 1, 2),
    Q4_0(2, 32, 18),
    Q4_1(3, 32, 20),
    Q5_0(6, 32, 22),
    Q5_1(7, 32, 24),
    Q8_0(8, 32, 34),
    Q2_K(10, 256, 84),
    Q3_K(11, 256, 110),
    Q4_K(12, 256, 144),
    Q5_K(13, 256, 176),
    Q6_K(14, 256, 210),
    IQ2_XXS(16, 256, 66),
    IQ2_XS(17, 256, 74),
    IQ3_XXS(18, 256, 98),
    IQ1_S(19, 256, 50),
    IQ4_NL(20, 32, 18),
    IQ3_S(21, 256, 110),
    IQ2_S(22, 256, 82),
    IQ4_XS(23, 256, 136),
    I8(24, 1, 1),
    I16(25, 1, 2),
    I32(26, 1, 4),
    I64(27, 1, 8),
    F64(28, 1, 8),
    IQ1_M(29, 256, 56),
    BF16(30, 1, 2),
    TQ1_0(34, 256, 54),
    TQ2_0(35, 256, 66),
    MXFP4(39, 32, 17);

    private final int ggmlId;
    private final int blockElements;
    private final int blockBytes;

    DType(int ggmlId, int blockElements, int blockBytes) {
        this.ggmlId = ggmlId;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    /** The type's number in a GGUF tensor table. */
    public int ggmlId() {
        return ggmlId;
    }

    /** How many consecutive elements of a row share one block; 1 for plain types. */
    public int blockElements() {
        return blockElements;
    }

    /** Size of one block in bytes. */
    public int blockBytes() {
        return blockBytes;
    }

    /** True where a block holds more than one element. */
    public boolean isQuantized() {
        return blockElements > 1;
    }

    /**
     * Bytes of {@code elements} consecutive elements.
     *
     * @throws IllegalArgumentException if {@code elements} is not a whole number of blocks
     */
    public long bytes(long elements) {
        if (elements % blockElements != 0) {
            throw new IllegalArgumentException(
                    "%d elements are no whole number of %s blocks of %d"
                            .formatted(elements, this, blockElements));
        }
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }

    /** The type with this GGUF number, or empty if it is unknown here. */
    public static Optional<DType> ofGgmlId(int id) {
        return Arrays.stream(values()).filter(type -> type.ggmlId == id).findFirst();
    }
}
