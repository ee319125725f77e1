package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import org.jspecify.annotations.Nullable;

/**
 * A workspace that has the same layout in every memory space: what is taken has a place in each,
 * and is copied between them as operations need it.
 */
final class PlacedWorkspace implements Workspace, AutoCloseable {
    private static final int REMEMBERED = 1 << 13;

    private final Buffer[] places;
    private final BufferWorkspace[] local;
    private final long bytes;

    /** A direct-mapped cache of activations; a collision costs a few small objects. */
    private final @Nullable Tensor[] remembered = new @Nullable Tensor[REMEMBERED];

    private final long[] rememberedOffsets = new long[REMEMBERED];
    private long top;

    /**
     * Allocates {@code bytes} in every space.
     *
     * @throws dev.juggler.kernel.OutOfDeviceMemoryException if a device has not enough
     */
    PlacedWorkspace(DeviceTable devices, long bytes) {
        this.bytes = bytes;
        places = new Buffer[devices.spaces()];
        local = new BufferWorkspace[devices.spaces()];
        for (int space = 0; space < places.length; space++) {
            places[space] =
                    space == DeviceTable.HOST
                            ? HostBuffer.allocate(bytes)
                            : devices.backendOfSpace(space).allocate(bytes);
            local[space] = new BufferWorkspace(places[space]);
        }
    }

    @Override
    public Tensor take(DType dtype, int rows, int columns) {
        long offset = top;
        long size = dtype.bytes(columns) * rows;
        if (offset + size > bytes) {
            throw new IllegalStateException(
                    "the workspace of %d bytes is too small: %d are in use and %s [%d, %d] needs %d"
                            .formatted(bytes, offset, dtype, rows, columns, size));
        }
        top = offset + BufferWorkspace.bytesFor(dtype, rows, columns);
        return activation(dtype, rows, columns, offset);
    }

    private Tensor activation(DType dtype, int rows, int columns, long offset) {
        long key = ((offset * 31 + rows) * 31 + columns) * 31 + dtype.ggmlId();
        int slot = (int) ((key * 0x9E3779B97F4A7C15L) >>> 51);
        Tensor known = remembered[slot];
        if (known == null
                || rememberedOffsets[slot] != offset
                || known.dtype() != dtype
                || known.rows() != rows
                || known.columns() != columns) {
            long size = dtype.bytes(columns) * rows;
            Buffer buffer = new PlacedActivation(places, offset, size);
            known = Tensor.of(dtype, rows, columns, buffer);
            remembered[slot] = known;
            rememberedOffsets[slot] = offset;
        }
        ((PlacedActivation) known.buffer()).clear();
        return known;
    }

    @Override
    public long mark() {
        return top;
    }

    @Override
    public void release(long mark) {
        top = mark;
    }

    /** The free rest of this workspace, for one operation on one device. */
    Workspace on(Device device) {
        BufferWorkspace rest = local[device.space()];
        rest.release(top);
        return rest;
    }

    @Override
    public void close() {
        for (Buffer place : places) {
            place.close();
        }
    }
}
