package dev.juggler.backend.cpusimd;

import java.lang.foreign.MemorySegment;

/** Turns stored elements of one type into F32, bit for bit as the type's definition says. */
@FunctionalInterface
public interface RowDecoder {
    /**
     * Decodes consecutive elements.
     *
     * @param source where the blocks are
     * @param offset first byte of the first block
     * @param target receives the values from index {@code at}
     * @param elements at most {@link WorkerScratch#RUN}, a whole number of blocks
     */
    void decode(
            MemorySegment source,
            long offset,
            float[] target,
            int at,
            int elements,
            WorkerScratch scratch);
}
