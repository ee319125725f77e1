package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Memory of one activation that has a place in every memory space and is valid in some of them. It
 * is copied to a space when it is read there and not valid, from device to device where they can do
 * that and through the host otherwise; a write makes the other places invalid. Views (slices, other
 * shapes) share it, so validity is that of the whole: before a part is written the whole is brought
 * there.
 */
final class PlacedActivation implements Buffer {
    private final Buffer[] places;
    private final MemorySegment host;
    private final long base;
    private final long bytes;
    private final @Nullable Tensor[] lastLocals;
    private int valid;
    private @Nullable Device owner;

    /**
     * @param places for each memory space the memory in which this has {@code bytes} at {@code
     *     base}
     */
    PlacedActivation(Buffer[] places, long base, long bytes) {
        this.places = places;
        this.base = base;
        this.bytes = bytes;
        MemorySegment memory = places[DeviceTable.HOST].host();
        if (memory == null) {
            throw new IllegalStateException("the host's place is not in host memory");
        }
        this.host = memory.asSlice(base, bytes);
        lastLocals = new @Nullable Tensor[places.length];
    }

    /** Forgets what was in it. */
    void clear() {
        valid = 0;
        owner = null;
    }

    /** The device that wrote it last; null for the host and where nobody has. */
    @Nullable Device owner() {
        return owner;
    }

    /** The view for reading on {@code device}. */
    Tensor reading(Device device, Tensor view) {
        bringTo(device.space());
        return local(device.space(), view);
    }

    /** The view for overwriting all of it on {@code device}. */
    Tensor writing(Device device, Tensor view) {
        if (view.byteSize() < bytes) {
            bringTo(device.space());
        }
        return changing(device, view);
    }

    /** The view for changing it on {@code device}; readings for the same operation come first. */
    Tensor changing(Device device, Tensor view) {
        valid = 1 << device.space();
        owner = device;
        return local(device.space(), view);
    }

    /** The bytes in host memory, for reading. */
    MemorySegment hostForReading() {
        bringTo(DeviceTable.HOST);
        if (owner != null && owner.usesHostMemory()) {
            owner.backend().synchronize();
        }
        return host;
    }

    /** The bytes in host memory, for overwriting all. */
    MemorySegment hostForWriting() {
        valid = 1 << DeviceTable.HOST;
        owner = null;
        return host;
    }

    private void bringTo(int space) {
        int bit = 1 << space;
        if ((valid & bit) != 0 || valid == 0) {
            return;
        }
        int host = 1 << DeviceTable.HOST;
        if ((valid & host) == 0) {
            int from = Integer.numberOfTrailingZeros(valid);
            if (space != DeviceTable.HOST
                    && places[space].copyDirectly(base, places[from], base, bytes)) {
                valid |= bit;
                return;
            }
            places[from].read(base, this.host);
            valid |= host;
        }
        if (space != DeviceTable.HOST) {
            places[space].write(base, this.host);
            valid |= bit;
        }
    }

    private Tensor local(int space, Tensor view) {
        Tensor known = lastLocals[space];
        long offset = base + view.offset();
        if (known == null
                || known.offset() != offset
                || known.dtype() != view.dtype()
                || !known.shape().equals(view.shape())) {
            known = new Tensor(view.dtype(), view.shape(), places[space], offset);
            lastLocals[space] = known;
        }
        return known;
    }

    @Override
    public long byteSize() {
        return bytes;
    }

    /** The bytes where all devices work on host memory, else null. */
    @Override
    public @Nullable MemorySegment host() {
        return places.length == 1 ? host : null;
    }

    @Override
    public void read(long offset, MemorySegment target) {
        MemorySegment.copy(hostForReading(), offset, target, 0, target.byteSize());
    }

    @Override
    public void write(long offset, MemorySegment source) {
        if (source.byteSize() < bytes) {
            bringTo(DeviceTable.HOST);
        }
        MemorySegment.copy(source, 0, hostForWriting(), offset, source.byteSize());
    }

    @Override
    public void close() {
        // the workspace owns the memory
    }
}
