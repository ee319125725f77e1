package dev.juggler.kernel;

import dev.juggler.kernel.quant.BlockFormats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads and writes rows of tensors in host memory, for the reference. */
final class HostRows {
    private HostRows() {}

    /** Decodes a row; rows of a stack are counted through all its matrices. */
    static void load(Tensor tensor, long row, float[] target) {
        long at = tensor.offset() + row * tensor.rowBytes();
        BlockFormats.of(tensor.dtype()).dequantize(memory(tensor), at, target, 0, tensor.columns());
    }

    /** All elements of an F32 matrix. */
    static float[] loadAll(Tensor tensor) {
        float[] values = new float[Math.toIntExact(tensor.shape().elements())];
        MemorySegment.copy(
                memory(tensor),
                ValueLayout.JAVA_FLOAT_UNALIGNED,
                tensor.offset(),
                values,
                0,
                values.length);
        return values;
    }

    /** Writes a row of an F32 matrix. */
    static void store(float[] source, Tensor tensor, long row) {
        MemorySegment.copy(
                source,
                0,
                memory(tensor),
                ValueLayout.JAVA_FLOAT_UNALIGNED,
                tensor.offset() + row * tensor.rowBytes(),
                tensor.columns());
    }

    static float get(Tensor tensor, int row, int column) {
        return memory(tensor).get(ValueLayout.JAVA_FLOAT_UNALIGNED, address(tensor, row, column));
    }

    static void set(Tensor tensor, int row, int column, float value) {
        memory(tensor).set(ValueLayout.JAVA_FLOAT_UNALIGNED, address(tensor, row, column), value);
    }

    /** Element {@code index} of an I32 matrix, counted through its rows. */
    static int id(Tensor ids, long index) {
        return memory(ids)
                .get(ValueLayout.JAVA_INT_UNALIGNED, ids.offset() + index * Integer.BYTES);
    }

    static void setId(Tensor ids, long index, int id) {
        memory(ids).set(ValueLayout.JAVA_INT_UNALIGNED, ids.offset() + index * Integer.BYTES, id);
    }

    static MemorySegment memory(Tensor tensor) {
        MemorySegment memory = tensor.buffer().host();
        if (memory == null) {
            throw new IllegalStateException(
                    "tensor %s is not in host memory".formatted(tensor.shape()));
        }
        return memory;
    }

    private static long address(Tensor tensor, int row, int column) {
        return tensor.offset() + ((long) row * tensor.columns() + column) * Float.BYTES;
    }
}
