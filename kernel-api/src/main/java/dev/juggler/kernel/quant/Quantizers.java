package dev.juggler.kernel.quant;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The element types that values can be stored in at run time. */
public final class Quantizers {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final Map<DType, Quantizer> QUANTIZERS = new EnumMap<>(DType.class);

    static {
        add(DType.F32, Quantizers::f32);
        add(DType.F16, Quantizers::f16);
        add(DType.BF16, Quantizers::bf16);
        add(DType.Q8_0, Quantizers::q8Zero);
        add(DType.Q4_0, Quantizers::q4Zero);
    }

    private Quantizers() {}

    /**
     * The quantizer of an element type.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Quantizer of(DType dtype) {
        @Nullable Quantizer quantizer = QUANTIZERS.get(dtype);
        if (quantizer == null) {
            throw new IllegalArgumentException(
                    "there is no quantizer to %s, only to %s"
                            .formatted(dtype, QUANTIZERS.keySet()));
        }
        return quantizer;
    }

    /** Every type that {@link #of} knows. */
    public static Set<DType> types() {
        return Collections.unmodifiableSet(QUANTIZERS.keySet());
    }

    private static void add(DType dtype, BlockEncoder encoder) {
        QUANTIZERS.put(dtype, new Blocks(dtype, encoder));
    }

    private static void f32(float[] source, int at, MemorySegment target, long block) {
        target.set(FLOAT, block, source[at]);
    }

    private static void f16(float[] source, int at, MemorySegment target, long block) {
        target.set(SHORT, block, Float.floatToFloat16(source[at]));
    }

    private static void bf16(float[] source, int at, MemorySegment target, long block) {
        target.set(SHORT, block, BrainFloat.ofFloat(source[at]));
    }

    /** The largest magnitude becomes 127; halves round away from zero. */
    private static void q8Zero(float[] source, int at, MemorySegment target, long block) {
        float largest = 0;
        for (int i = 0; i < 32; i++) {
            largest = Math.max(largest, Math.abs(source[at + i]));
        }
        float scale = largest / 127;
        float inverse = scale == 0 ? 0 : 1 / scale;
        target.set(SHORT, block, Float.floatToFloat16(scale));
        for (int i = 0; i < 32; i++) {
            float code = source[at + i] * inverse;
            // In double, so that adding a half is exact. The clamp matters for denormal scales.
            double rounded = Math.clamp(code + Math.copySign(0.5, code), -127.5, 127.5);
            target.set(ValueLayout.JAVA_BYTE, block + 2 + i, (byte) rounded);
        }
    }

    /** The value of largest magnitude becomes code 0, which stands for -8. */
    private static void q4Zero(float[] source, int at, MemorySegment target, long block) {
        float extreme = 0;
        for (int i = 0; i < 32; i++) {
            if (Math.abs(source[at + i]) > Math.abs(extreme)) {
                extreme = source[at + i];
            }
        }
        float scale = extreme / -8;
        float inverse = scale == 0 ? 0 : 1 / scale;
        target.set(SHORT, block, Float.floatToFloat16(scale));
        for (int i = 0; i < 16; i++) {
            int low = fourBits(source[at + i] * inverse);
            int high = fourBits(source[at + i + 16] * inverse);
            target.set(ValueLayout.JAVA_BYTE, block + 2 + i, (byte) (low | high << 4));
        }
    }

    private static int fourBits(float code) {
        return Math.clamp((int) (code + 8.5f), 0, 15);
    }

    /** Encodes one block from {@code source[at ...]} to {@code block}. */
    @FunctionalInterface
    private interface BlockEncoder {
        void encode(float[] source, int at, MemorySegment target, long block);
    }

    private record Blocks(DType dtype, BlockEncoder encoder) implements Quantizer {
        @Override
        public void quantize(
                float[] source, int sourceOffset, MemorySegment target, long offset, int elements) {
            long end = offset + dtype.bytes(elements);
            int at = sourceOffset;
            for (long block = offset; block < end; block += dtype.blockBytes()) {
                encoder.encode(source, at, target, block);
                at += dtype.blockElements();
            }
        }
    }
}
