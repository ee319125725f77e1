package dev.juggler.kernel;

import java.lang.foreign.MemorySegment;

/**
 * The reference as a device of its own: slow and exact, in host memory. It is the last fallback,
 * and a second device where there is no other.
 */
public final class ReferenceBackend implements Backend {
    /** Its device name. */
    public static final String DEVICE = "reference";

    private final ReferenceKernels kernels = new ReferenceKernels();
    private final HostBuffers buffers = new HostBuffers(DEVICE);

    @Override
    public String device() {
        return DEVICE;
    }

    @Override
    public String description() {
        return "plain loops in one thread, sums in double";
    }

    @Override
    public Buffer allocate(long bytes) {
        return buffers.allocate(bytes);
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
        return buffers.memory();
    }

    @Override
    public void close() {
        buffers.close();
    }
}
