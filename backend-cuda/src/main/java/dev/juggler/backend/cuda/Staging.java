package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverEvent;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.backend.cuda.driver.DriverStream;
import java.lang.foreign.MemorySegment;

/**
 * Moves bytes between host memory and the device through pinned memory. Writing returns once the
 * source is copied to a ring of pinned parts, from which the device fetches it in its own time;
 * filling the next part goes on meanwhile. Reading waits.
 */
final class Staging implements AutoCloseable {
    private static final int PARTS = 4;
    private static final long ALIGNMENT = 64;

    private final DriverDevice device;
    private final DriverStream stream;
    private final DeviceGuard guard;
    private final long partBytes;
    private final MemorySegment ring;
    private final DriverEvent[] fetched = new DriverEvent[PARTS];
    private int part;
    private long top;
    private long written;

    /**
     * @param partBytes size of a quarter of the ring
     */
    Staging(DriverDevice device, DriverStream stream, DeviceGuard guard, long partBytes) {
        this.device = device;
        this.stream = stream;
        this.guard = guard;
        this.partBytes = partBytes;
        ring = device.allocatePinned(PARTS * partBytes);
        for (int i = 0; i < PARTS; i++) {
            fetched[i] = device.createEvent();
        }
    }

    /** Copies {@code source} to the device, behind all that is in the stream. */
    void write(long address, MemorySegment source) {
        guard.requireAlive();
        try {
            long size = source.byteSize();
            for (long done = 0; done < size; ) {
                long bytes = Math.min(size - done, room());
                MemorySegment pinned = take(bytes);
                MemorySegment.copy(source, done, pinned, 0, bytes);
                stream.copyIn(address + done, pinned);
                done += bytes;
            }
            written += size;
        } catch (DriverException e) {
            throw guard.failed(e);
        }
    }

    /** Copies from the device when all that is in the stream is done; returns then. */
    void read(long address, MemorySegment target) {
        guard.requireAlive();
        try {
            long size = target.byteSize();
            for (long done = 0; done < size; ) {
                long bytes = Math.min(size - done, room());
                MemorySegment pinned = take(bytes);
                stream.copyOut(pinned, address + done);
                stream.synchronize();
                MemorySegment.copy(pinned, 0, target, done, bytes);
                done += bytes;
            }
        } catch (DriverException e) {
            throw guard.failed(e);
        }
    }

    /** Bytes that went in. */
    long written() {
        return written;
    }

    private long room() {
        if (top + ALIGNMENT > partBytes) {
            nextPart();
        }
        return partBytes - top;
    }

    private MemorySegment take(long bytes) {
        MemorySegment taken = ring.asSlice(part * partBytes + top, bytes);
        top += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        return taken;
    }

    /** The device may still be fetching what was put there a round ago. */
    private void nextPart() {
        stream.record(fetched[part]);
        part = (part + 1) % PARTS;
        fetched[part].synchronize();
        top = 0;
    }

    @Override
    public void close() {
        for (DriverEvent event : fetched) {
            event.close();
        }
        device.freePinned(ring);
    }
}
