package dev.juggler.backend.cpusimd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Weights that are wanted next, of which a few lines are read now and then while others are
 * multiplied. Panels read many rows at once in short pieces, which the machine does not read ahead;
 * these lines follow each other, so that it does.
 */
public final class Ahead {
    /** Bytes that come to the cache together. */
    private static final int LINE = 64;

    private MemorySegment memory = MemorySegment.NULL;
    private long at;
    private long end;
    private long step;

    /** What was read, so that the compiler does not leave it out. */
    @SuppressWarnings("UnusedVariable")
    private int seen;

    /**
     * From now on it is these weights.
     *
     * @param from first byte
     * @param to byte behind the last
     * @param turns how often {@link #touch} will be called
     */
    void set(MemorySegment memory, long from, long to, int turns) {
        this.memory = memory;
        at = from;
        end = to;
        step = (to - from) / Math.max(1, turns) + LINE;
    }

    /** Reads the next few lines. */
    public void touch() {
        MemorySegment from = memory;
        long stop = Math.min(end, at + step);
        int sum = 0;
        long next = at;
        for (; next < stop; next += LINE) {
            sum += from.get(ValueLayout.JAVA_BYTE, next);
        }
        at = next;
        seen += sum;
    }
}
