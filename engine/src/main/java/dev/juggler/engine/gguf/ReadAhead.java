package dev.juggler.engine.gguf;

import java.lang.foreign.MemorySegment;
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
    private final List<MemorySegment> missing;
    private final long bytes;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private long done;

    private ReadAhead(Path path, List<MemorySegment> missing) {
        this.path = path;
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
        return new ReadAhead(path, missing);
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
        List<Thread> readers = new ArrayList<>();
        for (int i = 0; i < Math.min(READERS, missing.size()); i++) {
            readers.add(
                    Thread.ofPlatform()
                            .daemon()
                            .name("juggler-read-" + i)
                            .start(() -> read(progress)));
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

    private void read(Progress progress) {
        try {
            for (int i = next.getAndIncrement(); i < missing.size(); i = next.getAndIncrement()) {
                MemorySegment slice = missing.get(i);
                slice.load();
                synchronized (this) {
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
}
