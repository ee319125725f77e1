package dev.juggler.tck;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.quant.Quantizers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;

/** Random content for tensors of any type. */
public final class Samples {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Samples() {}

    /** Normally distributed numbers. */
    public static float[] normal(Random random, int count, double deviation) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
        return values;
    }

    /**
     * Elements of any weight type. Quantized ones get random codes, so that every code occurs, and
     * scales of a sane size.
     */
    public static byte[] weights(DType dtype, long elements, Random random) {
        byte[] bytes = new byte[Math.toIntExact(dtype.bytes(elements))];
        MemorySegment memory = MemorySegment.ofArray(bytes);
        if (!dtype.isQuantized()) {
            float[] values = normal(random, Math.toIntExact(elements), 0.5);
            Quantizers.of(dtype).quantize(values, 0, memory, 0, values.length);
            return bytes;
        }
        random.nextBytes(bytes);
        for (long block = 0; block < bytes.length; block += dtype.blockBytes()) {
            setScales(dtype, memory, block, random);
        }
        return bytes;
    }

    private static void setScales(DType dtype, MemorySegment memory, long block, Random random) {
        switch (dtype) {
            case Q4_0, Q5_0, Q8_0, IQ4_NL, IQ4_XS -> setHalf(memory, block, random);
            case IQ1_S, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S -> setHalf(memory, block, random);
            case Q4_1, Q5_1, Q4_K, Q5_K -> {
                setHalf(memory, block, random);
                setHalf(memory, block + 2, random);
            }
            case Q2_K -> {
                setHalf(memory, block + 80, random);
                setHalf(memory, block + 82, random);
            }
            case Q3_K -> setHalf(memory, block + 108, random);
            case Q6_K -> setHalf(memory, block + 208, random);
            case TQ1_0 -> setHalf(memory, block + 52, random);
            case TQ2_0 -> setHalf(memory, block + 64, random);
            case IQ1_M -> spreadHalf(memory, block + 48, random);
            case MXFP4 ->
                    memory.set(ValueLayout.JAVA_BYTE, block, (byte) (118 + random.nextInt(10)));
            default -> throw new IllegalArgumentException(dtype + " has no blocks");
        }
    }

    private static void setHalf(MemorySegment memory, long at, Random random) {
        memory.set(SHORT, at, half(random));
    }

    /** IQ1_M keeps its scale in the top four bits of four shorts. */
    private static void spreadHalf(MemorySegment memory, long at, Random random) {
        int bits = half(random) & 0xFFFF;
        for (int i = 0; i < 4; i++) {
            int rest = memory.get(SHORT, at + 2L * i) & 0x0FFF;
            int nibble = (bits >> (4 * i)) & 15;
            memory.set(SHORT, at + 2L * i, (short) (nibble << 12 | rest));
        }
    }

    private static short half(Random random) {
        float scale = (0.5f + random.nextFloat()) * 0.02f;
        return Float.floatToFloat16(random.nextBoolean() ? scale : -scale);
    }
}
