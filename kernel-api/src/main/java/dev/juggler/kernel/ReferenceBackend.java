package dev.juggler.kernel;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The reference as a device of its own: slow and exact, in host memory. It is the last fallback,
 * and a second device where there is no other.
 */
public final class ReferenceBackend implements Backend {
    /** Its device name. */
    public static final String DEVICE = "reference";

    private final ReferenceKernels kernels = new ReferenceKernels();
    private final List<HostBuffer> allocated = new ArrayList<>();

    @Override
    public String device() {
        return DEVICE;
    }

    @Override
    public String description() {
        return "plain loops in one thread, sums in double";
    }

    @Override
    public synchronized Buffer allocate(long bytes) {
        MemoryInfo memory = memory();
        if (bytes < 0 || bytes > memory.free()) {
            throw new OutOfDeviceMemoryException(DEVICE, bytes, memory.free());
        }
        allocated.removeIf(buffer -> !buffer.isOpen());
        HostBuffer buffer = HostBuffer.allocate(bytes);
        allocated.add(buffer);
        return buffer;
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        return HostBuffer.adopt(mapped);
    }

    @Override
    public boolean usesHostMemory() {
        return true;
    }

    @Override
    public Kernels kernels() {
        return kernels;
    }

    @Override
    public void synchronize() {}

    @Override
    public MemoryInfo memory() {
        return HostMemory.now();
    }

    @Override
    public synchronized void close() {
        allocated.forEach(HostBuffer::close);
        allocated.clear();
    }
}
