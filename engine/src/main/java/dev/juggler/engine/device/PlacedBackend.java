package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import java.lang.foreign.MemorySegment;

/** One device of a model on several: memory from here is known to {@link PlacedKernels}. */
record PlacedBackend(Device owner) implements Backend {
    @Override
    public String device() {
        return owner.name();
    }

    @Override
    public String description() {
        return owner.backend().description();
    }

    @Override
    public Buffer allocate(long bytes) {
        return new PlacedBuffer(owner, owner.backend().allocate(bytes));
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        return new PlacedBuffer(owner, owner.backend().adopt(mapped));
    }

    @Override
    public boolean usesHostMemory() {
        return owner.usesHostMemory();
    }

    @Override
    public Kernels kernels() {
        return owner.kernels();
    }

    @Override
    public void synchronize() {
        owner.backend().synchronize();
    }

    @Override
    public MemoryInfo memory() {
        return owner.backend().memory();
    }

    @Override
    public void close() {
        // the device outlives the model
    }
}
