package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DeviceFailedException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Memory of one device. */
final class CudaBuffer implements Buffer {
    private final Card card;
    private final long address;
    private final long bytes;
    private volatile boolean open = true;

    CudaBuffer(Card card, long address, long bytes) {
        this.card = card;
        this.address = address;
        this.bytes = bytes;
    }

    /** Whether it is on this device, opened this time. */
    boolean isOn(Card other) {
        return card == other;
    }

    /**
     * Where it begins on the device.
     *
     * @throws IllegalStateException if it is closed
     */
    long address() {
        if (!open) {
            throw new IllegalStateException(
                    "a buffer of %d bytes on %s is closed".formatted(bytes, card.guard.device()));
        }
        return address;
    }

    @Override
    public long byteSize() {
        return bytes;
    }

    @Override
    public @Nullable MemorySegment host() {
        return null;
    }

    @Override
    public void read(long offset, MemorySegment target) {
        Objects.checkFromIndexSize(offset, target.byteSize(), bytes);
        card.lock.lock();
        try {
            card.queue.flush();
            card.staging.read(address() + offset, target);
            card.queue.hostGoesOn();
        } finally {
            card.lock.unlock();
        }
    }

    @Override
    public void write(long offset, MemorySegment source) {
        Objects.checkFromIndexSize(offset, source.byteSize(), bytes);
        card.lock.lock();
        try {
            card.queue.flush();
            card.staging.write(address() + offset, source);
            card.queue.hostGoesOn();
        } finally {
            card.lock.unlock();
        }
    }

    /**
     * The copy is work of this device; the other's memory is read behind what it was told before,
     * and it does not go on to overwrite it before the copy is done. Never are both devices locked,
     * so two threads that copy in opposite directions do not wait for each other.
     */
    @Override
    public boolean copyDirectly(long offset, Buffer source, long from, long count) {
        Objects.checkFromIndexSize(offset, count, bytes);
        Objects.checkFromIndexSize(from, count, source.byteSize());
        if (!(source instanceof CudaBuffer other) || !card.reaches(other.card)) {
            return false;
        }
        DriverEvent copied = fetch(offset, other, from, count);
        other.card.await(copied);
        return true;
    }

    /** Enqueues a copy from another device; the mark is behind it. */
    private DriverEvent fetch(long offset, CudaBuffer other, long from, long count) {
        DriverEvent written = other.card.mark();
        card.lock.lock();
        try {
            card.queue.flush();
            card.stream.await(written);
            card.stream.copyFrom(
                    other.card.device, address() + offset, other.address() + from, count);
            card.queue.hostGoesOn();
            return card.mark();
        } catch (DriverException e) {
            throw card.guard.failed(e);
        } finally {
            card.lock.unlock();
        }
    }

    @Override
    public void close() {
        card.lock.lock();
        try {
            if (open) {
                open = false;
                Uploads uploads = card.uploadsIfUsed();
                if (uploads != null) {
                    uploads.settle(address, bytes);
                }
                card.pool.free(address, bytes);
            }
        } catch (DeviceFailedException e) {
            // what a device that has failed does not free is lost with it
        } finally {
            card.lock.unlock();
        }
    }
}
