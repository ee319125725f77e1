package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.quant.Codebook;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One opened device with all that belongs to it: a stream, the kernels, memory, the ways in and
 * out. Whoever enqueues holds its lock, since a run of launches is built step by step.
 */
final class Card implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Card.class);
    private static final long STAGING_PART = 4L << 20;
    private static final long UPLOAD_PIECE = 4L << 20;

    final DriverDevice device;
    final DriverStream stream;
    final DeviceGuard guard;
    final KernelModule module;
    final LaunchQueue queue;
    final MemoryPool pool;
    final Staging staging;
    final CudaOptions options;
    final ReentrantLock lock = new ReentrantLock();
    private volatile @Nullable Uploads uploads;

    private final VendorProducts vendorProducts;

    /** Whether the memory of other devices can be copied here directly, asked once. */
    private final Map<Card, Boolean> reached = new WeakHashMap<>();

    /** Where work of other devices has to wait for this one's. */
    private final DriverEvent mark;

    /**
     * @param module the kernels, loaded on the device
     */
    Card(String name, DriverDevice device, KernelModule module, CudaOptions options) {
        this.device = device;
        this.options = options;
        guard = new DeviceGuard(name);
        this.module = module;
        stream = device.createStream();
        mark = device.createEvent();
        queue = new LaunchQueue(stream, module, guard, options.graphs());
        pool = new MemoryPool(device, guard, options.memory(), options.reserve(), this::finish);
        staging = new Staging(device, stream, guard, STAGING_PART);
        sendCodebooks();
        vendorProducts = new VendorProducts(this);
    }

    /** NVIDIA's products. */
    VendorProducts vendorProducts() {
        return vendorProducts;
    }

    /** The tables that the codes of I-quants point into are a variable of the module. */
    private void sendCodebooks() {
        long address = module.global("juggler_codebooks");
        for (Codebook codebook :
                List.of(
                        Codebook.IQ1_S,
                        Codebook.IQ2_XXS,
                        Codebook.IQ2_XS,
                        Codebook.IQ2_S,
                        Codebook.IQ3_XXS,
                        Codebook.IQ3_S)) {
            MemorySegment values = MemorySegment.ofArray(codebook.values());
            staging.write(address, values);
            address += values.byteSize();
        }
    }

    /** Ways in beside computing, made when they are first used. The caller holds the lock. */
    Uploads uploads() {
        Uploads known = uploads;
        if (known == null) {
            try {
                known = new Uploads(this, UPLOAD_PIECE);
            } catch (DriverException e) {
                throw guard.failed(e);
            }
            uploads = known;
        }
        return known;
    }

    /** Whether it is more than one thread does at once, and other threads may read it. */
    static boolean isWorthUploading(MemorySegment source) {
        return source.byteSize() > UPLOAD_PIECE
                && source.isAccessibleBy(Thread.ofVirtual().unstarted(() -> {}));
    }

    /** As {@link #uploads()}, null where nobody has used them. */
    @Nullable Uploads uploadsIfUsed() {
        return uploads;
    }

    /**
     * Where a tensor begins on the device.
     *
     * @throws IllegalArgumentException if it is not in this device's memory
     */
    long address(Tensor tensor) {
        if (tensor.buffer() instanceof CudaBuffer buffer && buffer.isOn(this)) {
            return buffer.address() + tensor.offset();
        }
        throw new IllegalArgumentException(
                "%s %s is not in the memory of %s"
                        .formatted(tensor.dtype(), tensor.shape(), guard.device()));
    }

    /** As {@link #address}, 0 for no tensor. */
    long addressOrNull(@Nullable Tensor tensor) {
        return tensor == null ? 0 : address(tensor);
    }

    /** Whether another device's memory can be copied here without the host's. */
    boolean reaches(Card other) {
        if (other == this) {
            return false;
        }
        lock.lock();
        try {
            Boolean known = reached.get(other);
            if (known == null) {
                known = device.reaches(other.device);
                reached.put(other, known);
                LOG.info(
                        "copies from {} to {} go {}",
                        other.guard.device(),
                        guard.device(),
                        known ? "directly" : "through main memory");
            }
            return known;
        } catch (DriverException e) {
            throw guard.failed(e);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Marks all that was enqueued. A later mark is the same event: who waits for it too late waits
     * for more than he must.
     */
    DriverEvent mark() {
        lock.lock();
        try {
            queue.flush();
            stream.record(mark);
            return mark;
        } catch (DriverException e) {
            throw guard.failed(e);
        } finally {
            lock.unlock();
        }
    }

    /** Lets all that is enqueued from now on wait for another device's mark. */
    void await(DriverEvent other) {
        lock.lock();
        try {
            queue.flush();
            stream.await(other);
        } catch (DriverException e) {
            throw guard.failed(e);
        } finally {
            lock.unlock();
        }
    }

    Scratch scratch() {
        return new Scratch(pool, this::finish);
    }

    /** Returns when all that was enqueued is done. */
    void finish() {
        lock.lock();
        try {
            queue.flush();
            stream.synchronize();
        } catch (DriverException e) {
            throw guard.failed(e);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        try {
            if (!guard.hasFailed()) {
                finish();
            }
        } finally {
            Uploads used = uploads;
            if (used != null) {
                close(used);
            }
            for (AutoCloseable part :
                    List.<AutoCloseable>of(queue, staging, pool, mark, stream, module, device)) {
                close(part);
            }
        }
    }

    /** What a device that has failed does not free is lost with it. */
    private void close(AutoCloseable part) {
        try {
            part.close();
        } catch (DriverException e) {
            if (!guard.hasFailed()) {
                throw guard.failed(e);
            }
        } catch (Exception e) {
            throw new IllegalStateException("closing " + guard.device(), e);
        }
    }
}
