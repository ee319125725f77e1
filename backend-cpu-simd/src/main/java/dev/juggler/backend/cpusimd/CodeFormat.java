package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Types of weights that Java kernels multiply as small integers with activations of 8 bits, and
 * what of each decides how its integers are summed.
 */
public enum CodeFormat {
    Q4_0(DType.Q4_0, 16, 32, false),
    Q4_1(DType.Q4_1, 16, 32, true),
    Q5_0(DType.Q5_0, 16, 32, false),
    Q5_1(DType.Q5_1, 8, 32, true),
    Q8_0(DType.Q8_0, 2, 32, false),
    IQ4_NL(DType.IQ4_NL, 2, 32, false),
    MXFP4(DType.MXFP4, 16, 32, false),
    Q2_K(DType.Q2_K, 8, 16, true),
    Q3_K(DType.Q3_K, 8, 16, false),
    Q4_K(DType.Q4_K, 16, 32, true),
    Q5_K(DType.Q5_K, 8, 32, true),
    Q6_K(DType.Q6_K, 8, 16, false),
    IQ4_XS(DType.IQ4_XS, 2, 32, false);

    private static final Map<DType, CodeFormat> BY_TYPE = new EnumMap<>(DType.class);

    static {
        for (CodeFormat format : values()) {
            BY_TYPE.put(format.dtype, format);
        }
    }

    private final DType dtype;
    private final int pairs;
    private final int scaleRun;
    private final boolean minimums;

    CodeFormat(DType dtype, int pairs, int scaleRun, boolean minimums) {
        this.dtype = dtype;
        this.pairs = pairs;
        this.scaleRun = scaleRun;
        this.minimums = minimums;
    }

    /** The format of a type, or null if it is not multiplied as integers. */
    static @Nullable CodeFormat of(DType dtype) {
        return BY_TYPE.get(dtype);
    }

    /** Types that have a format. */
    static Set<DType> types() {
        return Collections.unmodifiableSet(BY_TYPE.keySet());
    }

    DType dtype() {
        return dtype;
    }

    public int blockBytes() {
        return dtype.blockBytes();
    }

    /** Bytes of so many columns, a whole number of blocks. */
    public long bytes(int columns) {
        return dtype.bytes(columns);
    }

    /** Elements of a block: 32 or 256. */
    public int blockElements() {
        return dtype.blockElements();
    }

    /** True for blocks of 256, inside which integers scale the codes. */
    public boolean hasInnerScales() {
        return dtype.blockElements() == CodePanel.COLUMNS;
    }

    /**
     * How many products of a code and a byte can be added in 16 bits: 127 times the largest code
     * times this is below 2^15.
     */
    public int pairs() {
        return pairs;
    }

    /** True where two products are all that 16 bits hold. */
    public boolean isWide() {
        return pairs == 2;
    }

    /** By how much codes of blocks of 32 are larger than what they stand for, as stored. */
    public int offset() {
        return switch (this) {
            case Q4_0 -> 8;
            case Q5_0 -> 16;
            default -> 0;
        };
    }

    /** Bytes of the scale, and of the minimum, that a block of 32 begins with. */
    public int headerBytes() {
        return switch (this) {
            case Q4_1, Q5_1 -> 4;
            case MXFP4 -> 1;
            default -> 2;
        };
    }

    /** Elements that share an integer scale: 16 or 32. */
    public int scaleRun() {
        return scaleRun;
    }

    /** True where a value is scale · code + minimum (blocks of 32) or - minimum (256). */
    public boolean hasMinimums() {
        return minimums;
    }
}
