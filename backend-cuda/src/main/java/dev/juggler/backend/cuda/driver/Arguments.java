package dev.juggler.backend.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The arguments of one launch in native memory, laid out as the driver wants them: an array of
 * addresses, and behind it the values in slots of eight bytes. Filled anew for each launch, so that
 * launches allocate nothing.
 */
public final class Arguments implements AutoCloseable {
    /** Most arguments of a kernel. */
    public static final int MOST = 32;

    /** What an argument is. */
    public enum Kind {
        /** An address on the device, 8 bytes. */
        POINTER,
        /** A long long, 8 bytes. */
        LONG,
        /** An int, 4 bytes. */
        INT,
        /** A float, 4 bytes. */
        FLOAT
    }

    private static final long VALUES = MOST * 8L;

    private final Arena arena;
    private final MemorySegment memory;
    private final Kind[] kinds = new Kind[MOST];
    private int count;

    /** No arguments yet. */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena
    public Arguments() {
        arena = Arena.ofShared();
        memory = arena.allocate(2 * VALUES, 16);
        Arrays.fill(kinds, Kind.POINTER);
        for (int i = 0; i < MOST; i++) {
            memory.setAtIndex(ValueLayout.JAVA_LONG, i, memory.address() + VALUES + i * 8L);
        }
    }

    /** Forgets all. */
    public void clear() {
        count = 0;
    }

    /**
     * Appends one.
     *
     * @param word its bits, in the low half where it is narrower
     */
    public void add(Kind kind, long word) {
        if (count == MOST) {
            throw new IllegalStateException("a kernel takes at most %d arguments".formatted(MOST));
        }
        memory.set(ValueLayout.JAVA_LONG, VALUES + count * 8L, word);
        kinds[count++] = kind;
    }

    /** How many there are. */
    public int count() {
        return count;
    }

    /** What the argument is. */
    public Kind kind(int index) {
        return kinds[index];
    }

    /** Its bits. */
    public long word(int index) {
        return memory.get(ValueLayout.JAVA_LONG, VALUES + index * 8L);
    }

    /** The array of addresses; it never moves. */
    public MemorySegment addresses() {
        return memory;
    }

    @Override
    public void close() {
        arena.close();
    }
}
