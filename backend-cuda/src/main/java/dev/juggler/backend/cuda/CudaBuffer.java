package dev.juggler.backend.cuda;

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
            card.queue.hostHasWritten();
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
                card.pool.free(address, bytes);
            }
        } catch (DeviceFailedException e) {
            // what a device that has failed does not free is lost with it
        } finally {
            card.lock.unlock();
        }
    }
}
