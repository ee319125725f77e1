package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;
import java.util.List;

/**
 * Experts of one layer that live in main memory and cross the link to a faster device in steps of
 * many rows: a chunk of them after the other into two buffers, so that one is filled while the
 * device computes with the other.
 *
 * @param layer the layer, from 0
 * @param device the faster device
 * @param whenRows from how many rows on
 * @param chunk how many experts a buffer holds, at least 1
 * @param bufferBytes size of each of the two buffers, which all layers with this device share
 * @param decision what decided this
 */
public record StreamedExperts(
        int layer, String device, int whenRows, int chunk, long bufferBytes, Decision decision) {
    private static final long ALIGNMENT = 256;

    /** Where a stack begins in a buffer: the bytes of those before it, each rounded up. */
    public static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /**
     * Bytes of a chunk.
     *
     * @param expertBytes of one expert in each of the layer's stacks
     */
    static long chunkBytes(int chunk, List<Long> expertBytes) {
        return expertBytes.stream().mapToLong(bytes -> aligned(chunk * bytes)).sum();
    }

    /** The same with buffers of another size. */
    StreamedExperts withBuffers(long bytes) {
        return new StreamedExperts(layer, device, whenRows, chunk, bytes, decision);
    }

    /** The same from so many rows on. */
    StreamedExperts from(int rows, Decision reason) {
        return new StreamedExperts(layer, device, rows, chunk, bufferBytes, reason);
    }
}
