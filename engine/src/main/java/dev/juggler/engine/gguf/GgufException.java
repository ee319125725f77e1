package dev.juggler.engine.gguf;

import java.nio.file.Path;

/** A GGUF file that cannot be read: which file, at which byte, and why. */
public final class GgufException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The offset of an error that has no place in the file, such as a missing key. */
    public static final long NOWHERE = -1;

    private final String file;
    private final long offset;
    private final String problem;

    /**
     * @param file the file, or the part of a split file
     * @param offset the byte where the trouble is, or {@link #NOWHERE}
     * @param problem what is wrong, with the value and the remedy
     */
    public GgufException(Path file, long offset, String problem) {
        super("%s: %s".formatted(file, placed(problem, offset)));
        this.file = file.toString();
        this.offset = offset;
        this.problem = placed(problem, offset);
    }

    private static String placed(String problem, long offset) {
        return offset == NOWHERE ? problem : "%s (at byte %d)".formatted(problem, offset);
    }

    /** The file, or the part of a split file. */
    public Path file() {
        return Path.of(file);
    }

    /** What is wrong and where, without the name of the file. */
    public String problem() {
        return problem;
    }

    /** The byte where the trouble is, or {@link #NOWHERE}. */
    public long offset() {
        return offset;
    }
}
