package dev.juggler.kernel.quant;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What the bytes of one element type mean. Stateless: one instance serves all threads. Nothing is
 * allocated by a call. The values are those of the format's definition bit for bit: products and
 * sums are rounded to F32 in its order.
 */
public interface BlockFormat {
    /** The element type. */
    DType dtype();

    /**
     * Decodes consecutive elements.
     *
     * @param source where the blocks are
     * @param offset first byte of the first block; any alignment
     * @param target receives the values
     * @param targetOffset index of the first value in {@code target}
     * @param elements how many; a whole number of blocks
     * @throws IllegalArgumentException if {@code elements} is no whole number of blocks
     * @throws IndexOutOfBoundsException if source or target is too small
     */
    void dequantize(
            MemorySegment source, long offset, float[] target, int targetOffset, int elements);

    /**
     * Decodes consecutive elements to F32 in memory, in pieces that fit {@code scratch}.
     *
     * @param targetOffset first byte in {@code target}; any alignment
     * @param scratch at least one block long; its content is lost
     * @throws IllegalArgumentException if {@code elements} is no whole number of blocks, or {@code
     *     scratch} is shorter than one
     */
    default void dequantize(
            MemorySegment source,
            long offset,
            MemorySegment target,
            long targetOffset,
            int elements,
            float[] scratch) {
        int block = dtype().blockElements();
        int piece = scratch.length / block * block;
        if (piece == 0) {
            throw new IllegalArgumentException(
                    "scratch of %d is shorter than a %s block of %d"
                            .formatted(scratch.length, dtype(), block));
        }
        for (int done = 0; done < elements; done += piece) {
            int now = Math.min(piece, elements - done);
            dequantize(source, offset + dtype().bytes(done), scratch, 0, now);
            MemorySegment.copy(
                    scratch,
                    0,
                    target,
                    ValueLayout.JAVA_FLOAT_UNALIGNED,
                    targetOffset + (long) done * Float.BYTES,
                    now);
        }
    }
}
