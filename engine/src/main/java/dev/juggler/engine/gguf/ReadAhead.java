package dev.juggler.engine.gguf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Brings what is missing of a mapped file from the disk into memory, several slices at a time.
 * Without it each page is fetched when a kernel first touches it, one after the other, which is
 * many times slower than the disk.
 */
public final class ReadAhead {
    /** Small enough to show progress, large enough for the disk. */
    static final long SLICE = 16L << 20;

    /**
     * Of each stretch of this length only the beginning is looked at: what is read ahead is read in
     * runs.
     */
    private static final long STRETCH = 1L << 20;

    private static final long LOOK = 16L << 10;

    private static final int READERS = 4;

    /** What Linux reads at least when one byte of it is touched. */
    private static final long AROUND = 64L << 10;

    /** Is told how far reading is; called by one thread at a time. */
    @FunctionalInterface
    public interface Progress {
        /** For those who do not care. */
        Progress NONE = (done, total) -> {};

        /**
         * Some more has been read.
         *
         * @param done bytes read so far; equal to {@code total} in the last call
         * @param total bytes that were missing in memory at the beginning, more than 0
         */
        void read(long done, long total);
    }

    private final Path path;
    private final List<MemorySegment> files;
    private final List<MemorySegment> missing;
    private final long bytes;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private long done;

    @SuppressWarnings("UnusedVariable") // what is read must go somewhere
    private int touched;

    private ReadAhead(Path path, List<MemorySegment> files, List<MemorySegment> missing) {
        this.path = path;
        this.files = files;
        this.missing = missing;
        this.bytes = missing.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    /**
     * Looks which slices of a file's bytes are not in memory; what is not mapped, is. Samples tell:
     * asking for each of the pages would take as long as loading everything else.
     */
    static ReadAhead of(Path path, List<MemorySegment> files) {
        List<MemorySegment> missing = new ArrayList<>();
        for (MemorySegment file : files) {
            for (long at = 0; file.isMapped() && at < file.byteSize(); at += SLICE) {
                MemorySegment slice = file.asSlice(at, Math.min(SLICE, file.byteSize() - at));
                if (!isLoaded(slice)) {
                    missing.add(slice);
                }
            }
        }
        return new ReadAhead(path, files, missing);
    }

    private static boolean isLoaded(MemorySegment slice) {
        for (long at = 0; at < slice.byteSize(); at += STRETCH) {
            if (!slice.asSlice(at, Math.min(LOOK, slice.byteSize() - at)).isLoaded()) {
                return false;
            }
        }
        return true;
    }

    /** How many bytes are to be read. */
    public long bytes() {
        return bytes;
    }

    /**
     * Reads them and returns when they are in memory.
     *
     * @throws GgufException if the disk fails, or the file has become shorter
     */
    public void run(Progress progress) {
        boolean huge = adviseHuge();
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < Math.min(READERS, missing.size()); i++) {
            readers.add(
                    Thread.ofPlatform()
                            .daemon()
                            .name("juggler-read-" + i)
                            .start(() -> read(huge, progress)));
        }
        boolean interrupted = false;
        for (Thread reader : readers) {
            while (reader.isAlive()) { // the file must not be closed under it
                try {
                    reader.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                    next.set(missing.size());
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        Throwable cause = failure.get();
        if (cause != null) {
            throw new GgufException(
                    path,
                    GgufException.NOWHERE,
                    "cannot be read to its end: " + cause.getMessage());
        }
    }

    /**
     * Asks for huge pages, which are read faster later, also by those who map the file next.
     *
     * @return whether there is somebody to ask
     */
    private boolean adviseHuge() {
        try {
            for (MemorySegment file : files) {
                if (file.isMapped()) {
                    SystemMemory.adviseHuge(file);
                }
            }
            return true;
        } catch (IOException e) { // not Linux
            return false;
        }
    }

    private void read(boolean huge, Progress progress) {
        try {
            for (int i = next.getAndIncrement(); i < missing.size(); i = next.getAndIncrement()) {
                MemorySegment slice = missing.get(i);
                int sum = 0;
                if (huge) {
                    sum = touch(slice);
                } else {
                    slice.load();
                }
                synchronized (this) {
                    touched += sum;
                    done += slice.byteSize();
                    progress.read(done, bytes);
                }
            }
        } catch (InternalError
                | RuntimeException
                        e) { // InternalError: how the JVM reports a page that cannot be read
            next.set(missing.size());
            failure.compareAndSet(null, e);
        }
    }

    /**
     * Reads by touching: what Linux reads when it is told in advance, as {@link MemorySegment#load}
     * does, comes in the smallest pages.
     *
     * @return of the bytes touched the sum, without which nothing need be read
     */
    private static int touch(MemorySegment slice) {
        int sum = 0;
        for (long at = 0; at < slice.byteSize(); at += AROUND) {
            sum += slice.get(ValueLayout.JAVA_BYTE, at);
        }
        return sum;
    }
}
