package dev.juggler.engine.device;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.ReferenceBackend;
import java.lang.foreign.MemorySegment;

/** The reference backend under another device's name. */
final class NamedBackend implements Backend {
    private final ReferenceBackend reference = new ReferenceBackend();
    private final String device;

    NamedBackend(String device) {
        this.device = device;
    }

    @Override
    public String device() {
        return device;
    }

    @Override
    public String description() {
        return device;
    }

    @Override
    public Buffer allocate(long bytes) {
        return reference.allocate(bytes);
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        return reference.adopt(mapped);
    }

    @Override
    public boolean usesHostMemory() {
        return true;
    }

    @Override
    public Kernels kernels() {
        return reference.kernels();
    }

    @Override
    public void synchronize() {
        reference.synchronize();
    }

    @Override
    public MemoryInfo memory() {
        return reference.memory();
    }

    @Override
    public void close() {
        reference.close();
    }
}
