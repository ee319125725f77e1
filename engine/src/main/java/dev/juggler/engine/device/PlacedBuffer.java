package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Memory that stays on one device, and operations on it with it: a weight, or pages of a cache.
 * Where a small weight is also needed beside another weight that lives elsewhere (a router's bias,
 * attention sinks), a copy is made there once.
 */
final class PlacedBuffer implements Buffer {
    private final Device owner;
    private final Buffer local;
    private final List<Copy> copies = new ArrayList<>();
    private @Nullable Tensor lastView;
    private @Nullable Tensor lastLocal;
    private @Nullable KvPages lastPages;
    private @Nullable KvPages lastLocalPages;

    private record Copy(Device device, Buffer buffer) {}

    PlacedBuffer(Device owner, Buffer local) {
        this.owner = owner;
        this.local = local;
    }

    Device owner() {
        return owner;
    }

    /** The view as the owner's kernels take it. */
    Tensor local(Tensor view) {
        if (lastLocal == null || !view.equals(lastView)) {
            lastLocal = new Tensor(view.dtype(), view.shape(), local, view.offset());
            lastView = view;
        }
        return lastLocal;
    }

    /** Pages whose keys are here, as the owner's kernels take them. */
    KvPages local(KvPages pages) {
        if (lastLocalPages == null || !pages.equals(lastPages)) {
            Tensor values = pages.values();
            lastLocalPages =
                    new KvPages(
                            local(pages.keys()),
                            values == null ? null : ((PlacedBuffer) values.buffer()).local(values),
                            pages.pageSize(),
                            pages.precision());
            lastPages = pages;
        }
        return lastLocalPages;
    }

    /** The view in the memory of {@code device}; a copy is made where it is not. */
    Tensor on(Device device, Tensor view) {
        if (device.space() == owner.space()) {
            return local(view);
        }
        for (Copy copy : copies) {
            if (copy.device.index() == device.index()) {
                return new Tensor(view.dtype(), view.shape(), copy.buffer, view.offset());
            }
        }
        Buffer buffer = device.backend().allocate(local.byteSize());
        copies.add(new Copy(device, buffer));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(local.byteSize(), Long.BYTES);
            local.read(0, host);
            buffer.write(0, host);
        }
        return new Tensor(view.dtype(), view.shape(), buffer, view.offset());
    }

    @Override
    public long byteSize() {
        return local.byteSize();
    }

    @Override
    public @Nullable MemorySegment host() {
        return local.host();
    }

    @Override
    public void read(long offset, MemorySegment target) {
        local.read(offset, target);
    }

    @Override
    public void write(long offset, MemorySegment source) {
        local.write(offset, source);
    }

    @Override
    public void close() {
        copies.forEach(copy -> copy.buffer.close());
        copies.clear();
        local.close();
    }
}
