package dev.juggler.backend.cuda;

/**
 * Memory that kernels exchange inside one operation; it grows to what the largest operation needs
 * and is used again by the next.
 */
final class Scratch {
    private static final long STEP = 1L << 16;

    private final MemoryPool pool;
    private final Runnable idle;
    private long address;
    private long bytes;

    /**
     * @param idle returns when no enqueued work uses this memory
     */
    Scratch(MemoryPool pool, Runnable idle) {
        this.pool = pool;
        this.idle = idle;
    }

    /** Address of at least {@code wanted} bytes; what they held before is lost. */
    long of(long wanted) {
        if (wanted > bytes) {
            long grown = Math.max((wanted + STEP - 1) / STEP * STEP, bytes + bytes / 2);
            if (bytes > 0) {
                idle.run();
                pool.freeScratch(address, bytes);
                bytes = 0;
            }
            address = pool.allocateScratch(grown);
            bytes = grown;
        }
        return address;
    }
}
