package dev.juggler.engine.placement;

import java.util.BitSet;
import java.util.StringJoiner;

/** Writes sets of numbers as rules do: {@code 0-2,5}. */
public final class NumberRuns {
    private NumberRuns() {}

    public static String text(BitSet numbers) {
        StringJoiner runs = new StringJoiner(",");
        for (int from = numbers.nextSetBit(0); from >= 0; ) {
            int end = numbers.nextClearBit(from);
            runs.add(end - 1 == from ? String.valueOf(from) : "%d-%d".formatted(from, end - 1));
            from = numbers.nextSetBit(end);
        }
        return runs.toString();
    }
}
