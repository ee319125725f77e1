package dev.juggler.kernel;

import java.util.ArrayList;
import java.util.List;

/**
 * The buffers that a backend has allocated in host memory. Their memory is taken from the system
 * when it is touched, but counts from the beginning. Safe for many threads.
 */
public final class HostBuffers implements AutoCloseable {
    private final String device;
    private final List<HostBuffer> open = new ArrayList<>();

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
        long free = memory().free();
        if (bytes < 0 || bytes > free) {
            throw new OutOfDeviceMemoryException(device, bytes, free);
        }
        HostBuffer buffer = HostBuffer.allocate(bytes);
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
