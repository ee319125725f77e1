package dev.juggler.kernel;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A run of bytes in the memory of one device. Closing it frees what it owns; adopted memory stays.
 */
public interface Buffer extends AutoCloseable {
    /** Size in bytes. */
    long byteSize();

    /** The bytes themselves where the host can address them, else null. */
    @Nullable MemorySegment host();

    /**
     * Copies {@code target.byteSize()} bytes from {@code offset} to host memory; returns when they
     * are there.
     *
     * @throws IndexOutOfBoundsException if the range is not inside the buffer
     */
    void read(long offset, MemorySegment target);

    /**
     * Copies all of {@code source} from host memory to {@code offset}; {@code source} may be reused
     * on return.
     *
     * @throws IndexOutOfBoundsException if the range is not inside the buffer
     */
    void write(long offset, MemorySegment source);

    /**
     * Copies from a buffer of another device of the same backend without passing through host
     * memory, where the devices can do that. In order with all that both devices were told before
     * and will be told afterwards, so that nobody waits but they.
     *
     * <p>The default cannot.
     *
     * @param offset where the bytes go in this buffer
     * @param source a buffer of any device
     * @param from where they begin there
     * @param count how many
     * @return whether it was done (or enqueued); if not, nothing was, and they go through the host
     * @throws IndexOutOfBoundsException if a range is not inside its buffer
     */
    default boolean copyDirectly(long offset, Buffer source, long from, long count) {
        return false;
    }

    /** Never throws: what a device that has failed does not free is lost with it. */
    @Override
    void close();
}
