package dev.juggler.engine.gguf;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.stream.LongStream;

/**
 * Whether it pays to copy mapped files into huge pages, and the copying. Where the page cache has
 * huge pages already it does not; smaller ones are read at 60 to 100 % of the rate of huge ones,
 * which depends on the file system, the processor and how the file was written, so that is
 * measured.
 */
final class HugePageCopy {
    private static final long STEP = 8L << 20;

    private static final int ROUNDS = 4;

    /** How many places of a file are looked at. */
    private static final int PLACES = 64;

    /** What is read to measure, more than most caches hold. */
    private static final long SAMPLE = 64L << 20;

    /** Through this much of memory, which stays in a core's cache. */
    private static final long PIECE = 128L << 10;

    /** Where huge pages come more slowly than this, a copy takes too long anyway. */
    private static final long MOST_NANOSECONDS_TO_FILL = 250_000_000;

    private HugePageCopy() {}

    /**
     * Which part of a file lies in huge pages of the page cache, 0 to 1; looks at some places.
     *
     * @throws IOException if it cannot be read
     */
    static double cachedShare(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
                Arena arena = Arena.ofShared()) {
            // Mapped anew: only what is touched from here on counts.
            MemorySegment bytes = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
            long stride = bytes.byteSize() / PLACES;
            long before = SystemMemory.hugeFileBytes();
            byte[] touched = new byte[PLACES];
            for (int place = 0; place < PLACES; place++) {
                MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, place * stride, touched, place, 1);
            }
            long huge = SystemMemory.hugeFileBytes() - before;
            return Math.clamp((double) huge / (PLACES * SystemMemory.HUGE_PAGE), 0, 1);
        }
    }

    /**
     * How many times as fast a copy would be read at least, by all cores together as decoding does
     * it; 1 for files too small to tell, and where the system needs long to find huge pages.
     * Copying takes seconds and other processes disturb a measurement, so a copy must be faster
     * each time that both are read one after the other.
     *
     * @param enough what pays; once it is less, that is the answer
     * @throws IOException if there are no huge pages
     */
    static double gain(MemorySegment file, double enough) throws IOException {
        if (file.byteSize() < 2 * SAMPLE) {
            return 1;
        }
        MemorySegment mapped = file.asSlice(file.byteSize() / 2, SAMPLE);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment huge = SystemMemory.allocateHuge(SAMPLE, arena);
            MemorySegment pieces = arena.allocate(SAMPLE / STEP * PIECE);
            long start = System.nanoTime();
            for (long at = 0; at < SAMPLE; at += STEP) { // touches both
                MemorySegment.copy(mapped, at, huge, at, STEP);
                if (System.nanoTime() - start > MOST_NANOSECONDS_TO_FILL) {
                    return 1;
                }
            }
            double gain = Double.MAX_VALUE;
            for (int round = 0; round < ROUNDS && gain >= enough; round++) {
                gain = Math.min(gain, nanoseconds(mapped, pieces) / nanoseconds(huge, pieces));
            }
            return gain;
        }
    }

    private static double nanoseconds(MemorySegment source, MemorySegment pieces) {
        long start = System.nanoTime();
        LongStream.range(0, SAMPLE / STEP)
                .parallel()
                .forEach(step -> {
                    for (long at = 0; at < STEP; at += PIECE) {
                        MemorySegment.copy(source, step * STEP + at, pieces, step * PIECE, PIECE);
                    }
                });
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
