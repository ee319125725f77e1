package dev.juggler.engine.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Whether it pays to copy mapped files into huge pages, and the copying. A page cache of small
 * pages is read at 60 to 100 % of the rate of huge ones, which depends on the file system, the
 * processor and how the file was written; so it is measured.
 */
final class HugePageCopy {
    private static final long STEP = 8L << 20;

    private static final int ROUNDS = 4;

    /** More than last-level caches hold. */
    private static final long SAMPLE = 64L << 20;

    private HugePageCopy() {}

    /**
     * How many times as fast a copy would be read at least, by one thread; 1 for files too small to
     * tell. Copying takes seconds and other processes disturb a measurement, so a copy must be
     * faster each time that both are read one after the other.
     *
     * @param enough what pays; once it is less, that is the answer
     * @throws IOException if there are no huge pages
     */
    static double gain(List<MemorySegment> files, double enough) throws IOException {
        MemorySegment largest = files.getFirst();
        for (MemorySegment file : files) {
            largest = file.byteSize() > largest.byteSize() ? file : largest;
        }
        if (largest.byteSize() < 2 * SAMPLE) {
            return 1;
        }
        MemorySegment mapped = largest.asSlice(largest.byteSize() / 2, SAMPLE);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment huge = SystemMemory.allocateHuge(SAMPLE, arena);
            MemorySegment target = SystemMemory.allocateHuge(STEP, arena);
            MemorySegment.copy(mapped, 0, huge, 0, SAMPLE); // touches both
            double gain = Double.MAX_VALUE;
            for (int round = 0; round < ROUNDS && gain >= enough; round++) {
                gain = Math.min(gain, nanoseconds(mapped, target) / nanoseconds(huge, target));
            }
            return gain;
        }
    }

    private static double nanoseconds(MemorySegment source, MemorySegment target) {
        long start = System.nanoTime();
        for (long at = 0; at < SAMPLE; at += STEP) {
            MemorySegment.copy(source, at, target, 0, STEP);
        }
        return System.nanoTime() - start;
    }

    /** Copies a file, by several threads. */
    static MemorySegment copy(MemorySegment file, Arena arena) throws IOException {
        MemorySegment copy = SystemMemory.allocateHuge(file.byteSize(), arena);
        LongStream.range(0, Math.ceilDiv(file.byteSize(), STEP))
                .parallel()
                .map(i -> i * STEP)
                .forEach(at ->
                        MemorySegment.copy(
                                file, at, copy, at, Math.min(STEP, file.byteSize() - at)));
        return copy.asReadOnly();
    }
}
