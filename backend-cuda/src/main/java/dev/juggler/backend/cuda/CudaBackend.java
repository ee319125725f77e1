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
import dev.juggler.kernel.Transfer;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** One GPU: its memory, and the kernels that work in it. */
final class CudaBackend implements Backend {
    private final Card card;
    private final Kernels kernels;
    private final DeviceSpeed speed;
    private final String description;
    private boolean open = true;

    /**
     * @param kernelOrigin where the kernels come from, for people
     * @throws BackendException if what the options ask for is not there
     */
    CudaBackend(Card card, String kernelOrigin) {
        this.card = card;
        card.vendorProducts().requireIfAsked();
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

    /** Large weights are brought by several threads: one would be slower than the link. */
    @Override
    public Buffer adopt(MemorySegment mapped) {
        CudaBuffer buffer;
        Transfer arrival;
        card.lock.lock();
        try {
            buffer = new CudaBuffer(card, take(mapped.byteSize()), mapped.byteSize());
            arrival = bring(buffer, mapped);
        } finally {
            card.lock.unlock();
        }
        try {
            arrival.join();
            return buffer;
        } catch (RuntimeException e) {
            buffer.close();
            throw e;
        }
    }

    private Transfer bring(CudaBuffer buffer, MemorySegment source) {
        if (Card.isWorthUploading(source)) {
            return card.uploads().begin(buffer.address(), source);
        }
        card.queue.flush();
        card.staging.write(buffer.address(), source);
        return Transfer.DONE;
    }

    @Override
    public Transfer upload(Buffer target, long offset, MemorySegment source) {
        Objects.checkFromIndexSize(offset, source.byteSize(), target.byteSize());
        if (!(target instanceof CudaBuffer own) || !own.isOn(card)) {
            throw new IllegalArgumentException(
                    "a buffer of %d bytes is not in the memory of %s"
                            .formatted(target.byteSize(), device()));
        }
        card.lock.lock();
        try {
            requireOpen();
            return card.uploads().begin(own.address() + offset, source);
        } finally {
            card.lock.unlock();
        }
    }

    /**
     * @throws OutOfDeviceMemoryException if it is not there
     * @throws BackendException if the device is closed
     */
    private long take(long bytes) {
        requireOpen();
        return card.pool.allocate(bytes);
    }

    private void requireOpen() {
        if (!open) {
            throw new BackendException("device %s is closed".formatted(device()));
        }
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
        Uploads uploads = card.uploadsIfUsed();
        if (uploads != null) {
            uploads.settle();
        }
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

    /** Whether NVIDIA's library has multiplied anything. */
    boolean usesVendorProducts() {
        return card.vendorProducts().isUsed();
    }

    /** Bytes of all uploads that were begun. */
    long uploadedBytes() {
        Uploads uploads = card.uploadsIfUsed();
        return uploads == null ? 0 : uploads.bytes();
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
