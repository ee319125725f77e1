package dev.juggler.kernel.quant;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** All formats that hold real numbers, by element type. */
public final class BlockFormats {
    private static final Map<DType, BlockFormat> FORMATS = new EnumMap<>(DType.class);

    static {
        add(PlainFormats.F32);
        add(PlainFormats.F16);
        add(PlainFormats.BF16);
        add(DType.Q4_0, SmallBlockFormats::q4Zero);
        add(DType.Q4_1, SmallBlockFormats::q4One);
        add(DType.Q5_0, SmallBlockFormats::q5Zero);
        add(DType.Q5_1, SmallBlockFormats::q5One);
        add(DType.Q8_0, SmallBlockFormats::q8Zero);
        add(DType.IQ4_NL, SmallBlockFormats::iq4NonLinear);
        add(DType.MXFP4, SmallBlockFormats::mxfp4);
        add(DType.Q2_K, KQuantFormats::q2);
        add(DType.Q3_K, KQuantFormats::q3);
        add(DType.Q4_K, KQuantFormats::q4);
        add(DType.Q5_K, KQuantFormats::q5);
        add(DType.Q6_K, KQuantFormats::q6);
        add(DType.IQ4_XS, KQuantFormats::iq4ExtraSmall);
        add(DType.IQ1_S, CodebookFormats::iq1Small);
        add(DType.IQ1_M, CodebookFormats::iq1Medium);
        add(DType.IQ2_XXS, CodebookFormats::iq2ExtraExtraSmall);
        add(DType.IQ2_XS, CodebookFormats::iq2ExtraSmall);
        add(DType.IQ2_S, CodebookFormats::iq2Small);
        add(DType.IQ3_XXS, CodebookFormats::iq3ExtraExtraSmall);
        add(DType.IQ3_S, CodebookFormats::iq3Small);
        add(DType.TQ1_0, TernaryFormats::tq1);
        add(DType.TQ2_0, TernaryFormats::tq2);
    }

    private BlockFormats() {}

    /**
     * The format of an element type.
     *
     * @throws IllegalArgumentException for a type that holds no real numbers (the integers, F64)
     */
    public static BlockFormat of(DType dtype) {
        @Nullable BlockFormat format = FORMATS.get(dtype);
        if (format == null) {
            throw new IllegalArgumentException(
                    "%s holds no weights; known are %s".formatted(dtype, FORMATS.keySet()));
        }
        return format;
    }

    /** Every type that {@link #of} knows. */
    public static Set<DType> types() {
        return Collections.unmodifiableSet(FORMATS.keySet());
    }

    private static void add(BlockFormat format) {
        FORMATS.put(format.dtype(), format);
    }

    private static void add(DType dtype, BlockDecoder decoder) {
        add(new Blocks(dtype, decoder));
    }

    /** Decodes one block at {@code block} to {@code target[at ...]}. */
    @FunctionalInterface
    interface BlockDecoder {
        void decode(MemorySegment source, long block, float[] target, int at);
    }

    /** A format that is a run of blocks, each decoded by itself. */
    private record Blocks(DType dtype, BlockDecoder decoder) implements BlockFormat {
        @Override
        public void dequantize(
                MemorySegment source, long offset, float[] target, int targetOffset, int elements) {
            long end = offset + dtype.bytes(elements);
            int at = targetOffset;
            for (long block = offset; block < end; block += dtype.blockBytes()) {
                decoder.decode(source, block, target, at);
                at += dtype.blockElements();
            }
        }
    }
}
