package dev.juggler.engine.inference;

import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.ReadAhead;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.HostMemory;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a model's file is brought into memory and kept there.
 *
 * @param readAhead whether it is read before it is used
 * @param hugePages whether it is copied into huge pages
 * @param lock whether its memory is locked
 */
record FileMemory(boolean readAhead, HugePages hugePages, boolean lock) {
    /** When a file is copied into huge pages. */
    enum HugePages {
        NEVER,
        AUTO,
        ALWAYS
    }

    private static final Logger LOG = LoggerFactory.getLogger(FileMemory.class);
    private static final long MEGABYTE = 1_000_000;

    /** Smaller files are not worth the time of the measurement. */
    private static final long WORTHWHILE = 2L << 30;

    /** What is left to others beside a copy. */
    private static final long RESERVE = 2L << 30;

    /** With this much of it in huge pages already, a file is as good as copied. */
    private static final double MOSTLY = 0.5;

    /** A copy is worth seconds and twice the memory from here on; chance alone makes 1.3. */
    private static final double ENOUGH = 1.4;

    /**
     * Does all of it.
     *
     * @param file is closed if another one takes its place
     * @return the file to use
     * @throws dev.juggler.engine.gguf.GgufException if the disk fails
     * @throws InferenceException of kind UNAVAILABLE if memory cannot be locked, or huge pages that
     *     must be used cannot be had
     */
    GgufFile settle(GgufFile file, String model, LoadProgress progress) {
        if (readAhead) {
            readAhead(file, model, progress);
        }
        GgufFile settled = inHugePages(file, model);
        if (lock) {
            lock(settled, model);
        }
        return settled;
    }

    private static void readAhead(GgufFile file, String model, LoadProgress progress) {
        ReadAhead missing = file.readAhead();
        long free = HostMemory.now().free();
        if (missing.bytes() > free) {
            LOG.info(
                    "model {} is not read ahead: {} MB of its file are not in memory, {} MB are free;"
                            + " what is needed is read when it is used",
                    model,
                    missing.bytes() / MEGABYTE,
                    free / MEGABYTE);
        } else if (missing.bytes() > 0) {
            missing.run(progress.begin(model));
        }
    }

    /**
     * What loading would do now, as a sentence for a plan; measures, but copies nothing.
     *
     * @param file of the model
     */
    String plan(GgufFile file) {
        try {
            return decide(file).reason();
        } catch (IOException e) {
            return "stays mapped: " + e.getMessage();
        }
    }

    /** Whether a file is copied into huge pages, and why. */
    private record Decision(boolean copies, String reason) {}

    private Decision decide(GgufFile file) throws IOException {
        long free = HostMemory.now().free();
        long needed = file.fileBytes() + RESERVE;
        String room =
                "%d MB are free, %d MB are needed for the copy and the rest"
                        .formatted(free / MEGABYTE, needed / MEGABYTE);
        if (hugePages == HugePages.NEVER) {
            return new Decision(false, "stays mapped: huge-pages = never");
        }
        if (hugePages == HugePages.ALWAYS) {
            if (free <= needed) {
                throw new IOException(room);
            }
            return new Decision(true, "is copied into huge pages: huge-pages = always");
        }
        if (!GgufFile.hugePagesExist()) {
            return new Decision(false, "stays mapped: this system has no huge pages");
        }
        if (file.fileBytes() < WORTHWHILE) {
            return new Decision(false, "stays mapped: too small for huge pages to matter");
        }
        double share = file.shareInHugePages();
        if (share >= MOSTLY) {
            return new Decision(
                    false,
                    "stays mapped: %.0f %% of it are in huge pages of the page cache"
                            .formatted(100 * share));
        }
        if (free <= needed) {
            return new Decision(false, "stays mapped: no room for huge pages, " + room);
        }
        double gain = file.hugePageGain(ENOUGH);
        return gain < ENOUGH
                ? new Decision(
                        false,
                        "stays mapped: huge pages are read only %.2f times as fast".formatted(gain))
                : new Decision(
                        true,
                        "is copied into huge pages, which are read %.2f times as fast"
                                .formatted(gain));
    }

    private GgufFile inHugePages(GgufFile file, String model) {
        try {
            Decision decision = decide(file);
            if (!decision.copies()) {
                LOG.debug("model {} {}", model, decision.reason());
                return file;
            }
            GgufFile copy = file.inHugePages();
            file.close();
            LOG.info("model {} {}", model, decision.reason());
            return copy;
        } catch (IOException e) {
            if (hugePages == HugePages.ALWAYS) {
                throw new InferenceException(
                        InferenceException.Kind.UNAVAILABLE,
                        "model %s cannot be copied into huge pages: %s; set huge-pages = never"
                                .formatted(model, e.getMessage()),
                        e);
            }
            return file;
        }
    }

    private static void lock(GgufFile file, String model) {
        try {
            file.lock();
        } catch (IOException e) {
            throw new InferenceException(
                    InferenceException.Kind.UNAVAILABLE,
                    "the %d MB of model %s cannot be locked in memory: %s; raise the limit of locked memory (ulimit -l), or set mlock = false"
                            .formatted(file.fileBytes() / MEGABYTE, model, e.getMessage()),
                    e);
        }
    }
}
