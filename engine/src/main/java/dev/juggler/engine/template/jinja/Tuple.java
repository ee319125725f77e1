package dev.juggler.engine.template.jinja;

import java.util.Arrays;
import java.util.List;

/**
 * Python's tuple.
 *
 * @param items what it holds
 * @param names attribute names of the items (a named tuple), or none
 */
record Tuple(List<Object> items, List<String> names) {
    static Tuple of(Object... items) {
        return new Tuple(Arrays.asList(items), List.of());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Tuple tuple && items.equals(tuple.items);
    }

    @Override
    public int hashCode() {
        return items.hashCode();
    }
}
