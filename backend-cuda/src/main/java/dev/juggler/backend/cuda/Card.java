package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverStream;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.quant.Codebook;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One opened device with all that belongs to it: a stream, the kernels, memory, the ways in and
 * out. Whoever enqueues holds its lock, since a run of launches is built step by step.
 */
final class Card implements AutoCloseable {
    private static final long STAGING_PART = 4L << 20;

    final DriverDevice device;
    final DriverStream stream;
    final DeviceGuard guard;
    final KernelModule module;
    final LaunchQueue queue;
    final MemoryPool pool;
    final Staging staging;
    final CudaOptions options;
    final ReentrantLock lock = new ReentrantLock();

    /**
     * @param module the kernels, loaded on the device
     */
    Card(String name, DriverDevice device, KernelModule module, CudaOptions options) {
        this.device = device;
        this.options = options;
        guard = new DeviceGuard(name);
        this.module = module;
        stream = device.createStream();
        queue = new LaunchQueue(stream, module, guard, options.graphs());
        pool = new MemoryPool(device, guard, options.memory(), options.reserve(), this::finish);
        staging = new Staging(device, stream, guard, STAGING_PART);
        sendCodebooks();
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
            for (AutoCloseable part :
                    List.<AutoCloseable>of(queue, staging, pool, stream, module, device)) {
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
