package dev.juggler.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A buffer in host memory: allocated here, or adopted (a mapped file, a test's array). */
public final class HostBuffer implements Buffer {
    /** Enough for a cache line and the widest vector. */
    public static final long ALIGNMENT = 64;

    /** From here on the cost of zeroing matters, and that of a call of C does not. */
    private static final long BIG = 1L << 20;

    private final MemorySegment memory;
    private final @Nullable Arena owned;

    private HostBuffer(MemorySegment memory, @Nullable Arena owned) {
        this.memory = memory;
        this.owned = owned;
    }

    /**
     * Zeroed memory of {@code bytes} bytes, freed by {@link #close()}. Much memory is taken from
     * the system when it is touched, page by page.
     */
    @SuppressWarnings("MustBeClosedChecker") // the buffer owns the arena and close() closes it
    public static HostBuffer allocate(long bytes) {
        Arena arena = Arena.ofShared();
        MemorySegment memory =
                bytes < BIG
                        ? arena.allocate(Math.max(bytes, 1), ALIGNMENT)
                        : ZeroedMemory.allocate(bytes, ALIGNMENT, arena);
        return new HostBuffer(memory, arena);
    }

    /** A view of memory that somebody else owns and keeps alive. */
    public static HostBuffer adopt(MemorySegment memory) {
        return new HostBuffer(memory, null);
    }

    @Override
    public long byteSize() {
        return memory.byteSize();
    }

    @Override
    public MemorySegment host() {
        return memory;
    }

    @Override
    public void read(long offset, MemorySegment target) {
        MemorySegment.copy(memory, offset, target, 0, target.byteSize());
    }

    @Override
    public void write(long offset, MemorySegment source) {
        MemorySegment.copy(source, 0, memory, offset, source.byteSize());
    }

    /** False once memory that the buffer owns is freed. */
    public boolean isOpen() {
        return memory.scope().isAlive();
    }

    /** Frees what was allocated here; a second call does nothing. */
    @Override
    public void close() {
        if (owned != null && isOpen()) {
            owned.close();
        }
    }
}
