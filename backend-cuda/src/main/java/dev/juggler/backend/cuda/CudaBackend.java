package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DeviceProperties;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import java.lang.foreign.MemorySegment;

/** One GPU: its memory, and the kernels that work in it. */
final class CudaBackend implements Backend {
    private final Card card;
    private final Kernels kernels;
    private final DeviceSpeed speed;
    private final String description;
    private boolean open = true;

    /**
     * @param kernelOrigin where the kernels come from, for people
     */
    CudaBackend(Card card, String kernelOrigin) {
        this.card = card;
        kernels = new CudaKernels(card);
        DeviceProperties properties = card.device.properties();
        speed = SpeedTest.run(card);
        description =
                "%s, compute capability %d.%d, kernels %s, activations %s%s"
                        .formatted(
                                properties.name(),
                                properties.major(),
                                properties.minor(),
                                kernelOrigin,
                                card.options.exact() ? "f32" : "8 bits, many rows f16",
                                card.options.graphs() ? ", graphs" : "");
    }

    @Override
    public String device() {
        return card.guard.device();
    }

    @Override
    public String description() {
        return description;
    }

    @Override
    public Buffer allocate(long bytes) {
        card.lock.lock();
        try {
            CudaBuffer buffer = new CudaBuffer(card, take(bytes), bytes);
            card.queue.flush();
            card.stream.zero(buffer.address(), bytes);
            return buffer;
        } catch (DriverException e) {
            throw card.guard.failed(e);
        } finally {
            card.lock.unlock();
        }
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        card.lock.lock();
        try {
            CudaBuffer buffer = new CudaBuffer(card, take(mapped.byteSize()), mapped.byteSize());
            card.queue.flush();
            card.staging.write(buffer.address(), mapped);
            return buffer;
        } finally {
            card.lock.unlock();
        }
    }

    /**
     * @throws OutOfDeviceMemoryException if it is not there
     * @throws BackendException if the device is closed
     */
    private long take(long bytes) {
        if (!open) {
            throw new BackendException("device %s is closed".formatted(device()));
        }
        return card.pool.allocate(bytes);
    }

    @Override
    public boolean usesHostMemory() {
        return false;
    }

    @Override
    public Kernels kernels() {
        return kernels;
    }

    @Override
    public void synchronize() {
        card.finish();
    }

    @Override
    public MemoryInfo memory() {
        card.lock.lock();
        try {
            return card.pool.info();
        } finally {
            card.lock.unlock();
        }
    }

    @Override
    public DeviceSpeed speed() {
        return speed;
    }

    /** Runs of launches that were replayed as graphs. */
    long graphReplays() {
        return card.queue.replays();
    }

    @Override
    public void close() {
        card.lock.lock();
        try {
            if (open) {
                open = false;
                card.close();
            }
        } finally {
            card.lock.unlock();
        }
    }
}
