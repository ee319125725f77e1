package dev.juggler.kernel.quant;

import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;

/**
 * Stores F32 values in an element type, rounding as the reference quantizer of the format does.
 * Stateless: one instance serves all threads. Nothing is allocated by a call.
 */
public interface Quantizer {
    /** The element type. */
    DType dtype();

    /**
     * Encodes consecutive elements.
     *
     * @param source the values
     * @param sourceOffset index of the first value
     * @param target receives the blocks
     * @param offset first byte of the first block; any alignment
     * @param elements how many; a whole number of blocks
     * @throws IllegalArgumentException if {@code elements} is no whole number of blocks
     * @throws IndexOutOfBoundsException if source or target is too small
     */
    void quantize(
            float[] source, int sourceOffset, MemorySegment target, long offset, int elements);
}
