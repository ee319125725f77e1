package dev.juggler.engine.placement;

import java.util.BitSet;
import java.util.List;
import java.util.StringJoiner;

/** Writes sets of numbers as rules do: {@code 0-2,5}. */
public final class NumberRuns {
    private NumberRuns() {}

    /** Of numbers from 0, in any order. */
    static String text(List<Integer> numbers) {
        BitSet set = new BitSet();
        numbers.forEach(set::set);
        return text(set);
    }

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
