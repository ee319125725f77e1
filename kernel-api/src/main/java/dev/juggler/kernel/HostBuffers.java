package dev.juggler.kernel;

import java.util.ArrayList;
import java.util.List;

/**
 * The buffers that a backend has allocated in host memory. Their memory is taken from the system
 * when it is touched, but counts from the beginning. Safe for many threads.
 */
public final class HostBuffers implements AutoCloseable {
    /** For how long the system's answer holds. */
    private static final long FRESH_NANOS = 500_000_000L;

    private final String device;
    private final List<HostBuffer> open = new ArrayList<>();

    /** What was free when the system was asked last, less what was allocated since. */
    private long left;

    private long askedAt;

    /** None yet, for the device of this name. */
    public HostBuffers(String device) {
        this.device = device;
    }

    /**
     * Zeroed memory.
     *
     * @throws OutOfDeviceMemoryException if fewer than {@code bytes} bytes are free
     */
    public synchronized HostBuffer allocate(long bytes) {
        // Asking costs milliseconds while a JVM is young, and a cache is allocated layer by layer.
        // So it is asked again only where the answer is old or much of it is used up.
        if (bytes < 0 || bytes > left / 2 || System.nanoTime() - askedAt > FRESH_NANOS) {
            left = memory().free();
            askedAt = System.nanoTime();
        }
        if (bytes < 0 || bytes > left) {
            throw new OutOfDeviceMemoryException(device, bytes, left);
        }
        HostBuffer buffer = HostBuffer.allocate(bytes);
        left -= bytes;
        open.add(buffer);
        return buffer;
    }

    /** The memory of the machine; what is allocated here is not free, touched or not. */
    public synchronized MemoryInfo memory() {
        open.removeIf(buffer -> !buffer.isOpen());
        return HostMemory.now(open.stream().mapToLong(HostBuffer::byteSize).sum());
    }

    /** Frees what is still open. */
    @Override
    public synchronized void close() {
        open.forEach(HostBuffer::close);
        open.clear();
    }
}
