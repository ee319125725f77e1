package dev.juggler.engine.template.jinja;

import java.util.AbstractList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;

/** The list-like values of Python that are not lists. */
final class Sequences {
    private Sequences() {}

    /** What {@code range()} gives; prints as it was made. */
    static final class Range extends AbstractList<Object> {
        private final long start;
        private final long stop;
        private final long step;
        private final int size;

        Range(long start, long stop, long step, Budget budget) {
            if (step == 0) {
                throw TemplateException.evaluation("range() arg 3 must not be zero");
            }
            this.start = start;
            this.stop = stop;
            this.step = step;
            long distance = step > 0 ? stop - start : start - stop;
            long count = distance <= 0 ? 0 : 1 + (distance - 1) / Math.abs(step);
            budget.items(count);
            this.size = (int) count;
        }

        @Override
        public Object get(int index) {
            return start + index * step;
        }

        @Override
        public int size() {
            return size;
        }

        @Override
        public String toString() {
            return "range(" + start + ", " + stop + (step == 1 ? ")" : ", " + step + ")");
        }
    }

    /** What a dictionary's {@code keys()}, {@code values()} and {@code items()} give. */
    static final class View extends AbstractList<Object> {
        private final String kind;
        private final List<Object> items;

        View(String kind, List<Object> items) {
            this.kind = kind;
            this.items = items;
        }

        @Override
        public Object get(int index) {
            return items.get(index);
        }

        @Override
        public int size() {
            return items.size();
        }

        @Override
        public String toString() {
            return kind + "(" + Representation.of(items) + ")";
        }
    }

    /** What {@code map}, {@code select} and their like give: always true, and gone once read. */
    static final class Generator implements Iterable<Object> {
        private final Iterator<Object> items;

        Generator(List<Object> items) {
            this.items = Collections.unmodifiableList(items).iterator();
        }

        @Override
        public Iterator<Object> iterator() {
            return items;
        }

        @Override
        public String toString() {
            return "<generator object>";
        }
    }
}
