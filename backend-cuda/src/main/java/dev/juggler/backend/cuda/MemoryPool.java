package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverDevice;
import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The memory of one device and the ledger of it. Small pieces are cut from chunks, so that a
 * thousand of them cost neither the driver's rounding nor its time; large ones are the driver's
 * own. What is free for allocation is what the device has free, less a reserve for scratch memory,
 * graphs and other users of the card. Safe for many threads.
 */
final class MemoryPool implements AutoCloseable {
    private static final long ALIGNMENT = 256;
    private static final long CHUNK = 32L << 20;
    private static final long LARGE = 4L << 20;

    private final DriverDevice device;
    private final DeviceGuard guard;
    private final long limit;
    private final long reserve;
    private final Runnable idle;

    /** Free pieces of chunks, by address, with their sizes; neighbours are joined. */
    private final TreeMap<Long, Long> free = new TreeMap<>();

    /** Chunks and large pieces, by address, with their sizes. */
    private final TreeMap<Long, Long> owned = new TreeMap<>();

    private final Map<Long, Long> pieces = new HashMap<>();
    private long used;
    private long scratch;
    private boolean closed;

    /**
     * @param limit most bytes that may be allocated, {@link Long#MAX_VALUE} for all that is there
     * @param reserve bytes that stay free
     * @param idle returns when the device uses none of the memory that was released
     */
    MemoryPool(DriverDevice device, DeviceGuard guard, long limit, long reserve, Runnable idle) {
        this.device = device;
        this.guard = guard;
        this.limit = limit;
        this.reserve = reserve;
        this.idle = idle;
    }

    /**
     * Memory with undefined content.
     *
     * @throws OutOfDeviceMemoryException if it is not there
     */
    synchronized long allocate(long bytes) {
        guard.requireAlive();
        long available = info().free();
        if (bytes < 0 || bytes > available) {
            throw new OutOfDeviceMemoryException(guard.device(), bytes, available);
        }
        long address = take(rounded(bytes));
        used += rounded(bytes);
        return address;
    }

    /** Scratch memory of the kernels, which the reserve is for. */
    synchronized long allocateScratch(long bytes) {
        guard.requireAlive();
        long address = take(rounded(bytes));
        scratch += rounded(bytes);
        return address;
    }

    /** Gives memory back. */
    synchronized void free(long address, long bytes) {
        release(address);
        used -= rounded(bytes);
    }

    /** Gives scratch memory back. */
    synchronized void freeScratch(long address, long bytes) {
        release(address);
        scratch -= rounded(bytes);
    }

    /** What there is and what can still be allocated, now. */
    synchronized MemoryInfo info() {
        guard.requireAlive();
        try {
            MemoryInfo whole = device.memory();
            long total = Math.min(whole.total(), limit);
            long pooled = free.values().stream().mapToLong(Long::longValue).sum();
            long left = whole.free() + pooled - Math.max(0, reserve - scratch);
            left = Math.min(left, limit - used);
            return new MemoryInfo(total, Math.clamp(left, 0, total));
        } catch (DriverException e) {
            throw guard.failed(e);
        }
    }

    /** Bytes that buffers hold. */
    synchronized long used() {
        return used;
    }

    /** Gives all to the driver. */
    @Override
    public synchronized void close() {
        closed = true;
        for (long address : owned.keySet()) {
            try {
                device.free(address);
            } catch (DriverException e) {
                return; // the device has failed; what it does not free is lost with it
            }
        }
        owned.clear();
        free.clear();
        pieces.clear();
    }

    private long take(long bytes) {
        if (bytes >= LARGE) {
            long address = own(bytes);
            pieces.put(address, bytes);
            return address;
        }
        for (Map.Entry<Long, Long> piece : free.entrySet()) {
            if (piece.getValue() >= bytes) {
                return cut(piece.getKey(), piece.getValue(), bytes);
            }
        }
        long size = CHUNK;
        while (true) {
            try {
                long chunk = ownOrThrow(Math.max(size, bytes));
                free.put(chunk, Math.max(size, bytes));
                return cut(chunk, Math.max(size, bytes), bytes);
            } catch (DriverException e) {
                if (!e.isOutOfMemory()) {
                    throw guard.failed(e);
                }
                if (size <= bytes) {
                    throw full(bytes);
                }
                size /= 4;
            }
        }
    }

    private long cut(long address, long size, long bytes) {
        free.remove(address);
        if (size > bytes) {
            free.put(address + bytes, size - bytes);
        }
        pieces.put(address, bytes);
        return address;
    }

    private long own(long bytes) {
        try {
            return ownOrThrow(bytes);
        } catch (DriverException e) {
            throw e.isOutOfMemory() ? full(bytes) : guard.failed(e);
        }
    }

    private long ownOrThrow(long bytes) {
        long address = device.allocate(bytes);
        owned.put(address, bytes);
        return address;
    }

    private OutOfDeviceMemoryException full(long bytes) {
        return new OutOfDeviceMemoryException(guard.device(), bytes, info().free());
    }

    private void release(long address) {
        if (closed) {
            return; // all of it is the driver's again
        }
        Long bytes = pieces.remove(address);
        if (bytes == null) {
            throw new IllegalStateException("address %x is not allocated".formatted(address));
        }
        if (bytes >= LARGE) {
            giveBack(address);
            return;
        }
        long from = address;
        long size = bytes;
        Map.Entry<Long, Long> before = free.lowerEntry(address);
        if (before != null
                && before.getKey() + before.getValue() == from
                && !owned.containsKey(from)) {
            from = before.getKey();
            size += before.getValue();
        }
        Long after = owned.containsKey(address + bytes) ? null : free.remove(address + bytes);
        size += after == null ? 0 : after;
        free.put(from, size);
        if (Long.valueOf(size).equals(owned.get(from))) { // the chunk is empty
            free.remove(from);
            giveBack(from);
        }
    }

    private void giveBack(long address) {
        idle.run();
        owned.remove(address);
        try {
            device.free(address);
        } catch (DriverException e) {
            throw guard.failed(e);
        }
    }

    private static long rounded(long bytes) {
        return (Math.max(bytes, 1) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
}
