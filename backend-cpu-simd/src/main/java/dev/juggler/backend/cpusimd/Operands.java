package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Moves rows between tensors and arrays, whole runs at a time: access element by element is slow
 * until the compiler knows the place. Nothing is allocated.
 */
final class Operands {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Stands where an operation has no operand yet. */
    static final Tensor NO_TENSOR =
            Tensor.of(DType.F32, 0, 1, HostBuffer.adopt(MemorySegment.ofArray(new byte[0])));

    private Operands() {}

    /**
     * The memory that a tensor is a view of; its first byte is at {@link Tensor#offset()}.
     *
     * @throws IllegalArgumentException if the host cannot address it
     */
    static MemorySegment memory(Tensor tensor) {
        @Nullable MemorySegment memory = tensor.buffer().host();
        if (memory == null) {
            throw new IllegalArgumentException(
                    "tensor %s %s is not in host memory, where the cpu backend works"
                            .formatted(tensor.dtype(), tensor.shape()));
        }
        return memory;
    }

    /** Where a tensor in native memory starts. */
    static long address(Tensor tensor) {
        return memory(tensor).address() + tensor.offset();
    }

    /** Reads {@code count} elements of an F32 tensor from element {@code first}. */
    static void load(Tensor tensor, long first, float[] target, int at, int count) {
        MemorySegment.copy(
                memory(tensor), FLOAT, tensor.offset() + first * Float.BYTES, target, at, count);
    }

    /** Writes {@code count} elements of an F32 tensor from element {@code first}. */
    static void store(float[] source, int at, Tensor tensor, long first, int count) {
        MemorySegment.copy(
                source, at, memory(tensor), FLOAT, tensor.offset() + first * Float.BYTES, count);
    }

    /** Writes {@code count} values as F16 from byte {@code offset}, a run at a time. */
    static void storeHalves(
            float[] source, MemorySegment memory, long offset, int count, short[] run) {
        for (int done = 0; done < count; done += run.length) {
            int length = Math.min(run.length, count - done);
            for (int i = 0; i < length; i++) {
                run[i] = Float.floatToFloat16(source[done + i]);
            }
            MemorySegment.copy(run, 0, memory, SHORT, offset + (long) done * Short.BYTES, length);
        }
    }

    /** Reads {@code count} elements of an I32 tensor from element {@code first}. */
    static void load(Tensor tensor, long first, int[] target, int count) {
        MemorySegment.copy(
                memory(tensor), INT, tensor.offset() + first * Integer.BYTES, target, 0, count);
    }

    /** Writes {@code count} elements of an I32 tensor from element {@code first}. */
    static void store(int[] source, int at, Tensor tensor, long first, int count) {
        MemorySegment.copy(
                source, at, memory(tensor), INT, tensor.offset() + first * Integer.BYTES, count);
    }

    /** The least multiple of {@link LaneKernels#LANES} that holds {@code elements}. */
    static int padded(int elements) {
        return (elements + LaneKernels.LANES - 1) / LaneKernels.LANES * LaneKernels.LANES;
    }

    /** An array at least {@code size} long: the one given if it is, else a new one. */
    static int[] grown(int[] array, int size) {
        return array.length >= size ? array : new int[Math.max(size, 2 * array.length)];
    }

    /** An array at least {@code size} long: the one given if it is, else a new one. */
    static float[] grown(float[] array, int size) {
        return array.length >= size ? array : new float[Math.max(size, 2 * array.length)];
    }
}
