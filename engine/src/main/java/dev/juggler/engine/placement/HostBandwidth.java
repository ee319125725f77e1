package dev.juggler.engine.placement;

import dev.juggler.engine.gguf.SystemMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How fast this machine reads its main memory: the limit of generation on a CPU, where every token
 * reads all weights that it uses.
 *
 * @param bytesPerSecond the best of several passes
 * @param threads how many read at once
 */
public record HostBandwidth(double bytesPerSecond, int threads) {
    /** More than the caches of almost any machine. */
    private static final long BYTES = 256L << 20;

    private static final long PIECE = 1L << 20;

    /** Bytes of a cache line; where it is longer, the same lines are read more often. */
    private static final long LINE = 64;

    private static final int LEAST_PASSES = 3;
    private static final long LEAST_NANOSECONDS = 200_000_000;

    /**
     * Reads a word of each cache line of 256 MiB several times, in huge pages where there are some:
     * weights lie in such too, and small ones take half of the pace on some machines. Takes about
     * 0.3 s.
     *
     * @param threads how many threads read, each its own part
     */
    public static HostBandwidth measure(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException(threads + " threads cannot read");
        }
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = allocate(arena);
            AtomicLong sum = new AtomicLong();
            // written first: untouched pages would all be the same page of zeros
            inParallel(memory, threads, piece -> piece.fill((byte) 1));
            long began = System.nanoTime();
            long best = Long.MAX_VALUE;
            for (int pass = 0;
                    pass < LEAST_PASSES || System.nanoTime() - began < LEAST_NANOSECONDS;
                    pass++) {
                long start = System.nanoTime();
                inParallel(memory, threads, piece -> sum.addAndGet(sum(piece)));
                best = Math.min(best, System.nanoTime() - start);
            }
            if (sum.get() == 0) {
                throw new IllegalStateException("memory that was written reads as zeros");
            }
            return new HostBandwidth(BYTES * 1e9 / best, threads);
        }
    }

    private static MemorySegment allocate(Arena arena) {
        try {
            if (SystemMemory.hasHugePages()) {
                return SystemMemory.allocateHuge(BYTES, arena);
            }
        } catch (IOException e) {
            // small pages serve too
        }
        return arena.allocate(BYTES, LINE);
    }

    /** Does something with every piece of the memory. */
    private interface Work {
        void on(MemorySegment piece);
    }

    private static void inParallel(MemorySegment memory, int threads, Work work) {
        List<Thread> running = new ArrayList<>();
        long pieces = BYTES / PIECE;
        for (int thread = 0; thread < threads; thread++) {
            long from = pieces * thread / threads;
            long to = pieces * (thread + 1) / threads;
            running.add(
                    Thread.ofPlatform()
                            .daemon()
                            .name("bandwidth-" + thread)
                            .start(() -> {
                                for (long piece = from; piece < to; piece++) {
                                    work.on(memory.asSlice(piece * PIECE, PIECE));
                                }
                            }));
        }
        boolean interrupted = false;
        for (Thread thread : running) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true; // the memory may be freed only when nobody reads it
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * A word of each line, as a line is what memory delivers; four sums that do not wait for each
     * other.
     */
    private static long sum(MemorySegment piece) {
        long a = 0;
        long b = 0;
        long c = 0;
        long d = 0;
        for (long offset = 0; offset < PIECE; offset += 4 * LINE) {
            a += piece.get(ValueLayout.JAVA_LONG, offset);
            b += piece.get(ValueLayout.JAVA_LONG, offset + LINE);
            c += piece.get(ValueLayout.JAVA_LONG, offset + 2 * LINE);
            d += piece.get(ValueLayout.JAVA_LONG, offset + 3 * LINE);
        }
        return a + b + c + d;
    }
}
