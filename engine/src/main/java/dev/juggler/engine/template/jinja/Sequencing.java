package dev.juggler.engine.template.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Subscripts, slices and sums of lists and texts. */
final class Sequencing {
    private Sequencing() {}

    /** Whether it is a list proper, neither a range nor a view. */
    static boolean isList(Object value) {
        return value instanceof List<?>
                && !(value instanceof Sequences.Range)
                && !(value instanceof Sequences.View);
    }

    static List<Object> concatenate(List<Object> first, List<Object> second, Budget budget) {
        budget.items((long) first.size() + second.size());
        List<Object> all = new ArrayList<>(first);
        all.addAll(second);
        return all;
    }

    static List<Object> repeat(List<Object> items, int times, Budget budget) {
        budget.items((long) items.size() * times);
        List<Object> all = new ArrayList<>();
        for (int i = 0; i < times && !items.isEmpty(); i++) {
            all.addAll(items);
        }
        return all;
    }

    /** {@code target[index]}, or null if there is no such item. */
    static @Nullable Object item(Object target, Object index) {
        return switch (target) {
            case Map<?, ?> map -> map.get(Values.key(index));
            case Sequences.View _ -> null;
            case List<?> list -> at(list, index);
            case Tuple tuple -> at(tuple.items(), index);
            case String text when index instanceof Long || index instanceof Boolean -> {
                int[] points = text.codePoints().toArray();
                int place = place(Values.requireInteger(index), points.length);
                yield place < 0 ? null : Character.toString(points[place]);
            }
            default -> null;
        };
    }

    private static @Nullable Object at(List<?> list, Object index) {
        if (!(index instanceof Long) && !(index instanceof Boolean)) {
            return null;
        }
        int place = place(Values.requireInteger(index), list.size());
        return place < 0 ? null : list.get(place);
    }

    /** Index from the start, or -1 if it is outside. */
    private static int place(long index, int length) {
        long place = index < 0 ? index + length : index;
        return place < 0 || place >= length ? -1 : (int) place;
    }

    /** {@code target[start:stop:step]}; a bound that is null is not given. */
    static Object slice(
            Object target, @Nullable Long start, @Nullable Long stop, @Nullable Long step) {
        return switch (target) {
            case String text -> {
                int[] points = text.codePoints().toArray();
                StringBuilder slice = new StringBuilder();
                for (int place : places(points.length, start, stop, step)) {
                    slice.appendCodePoint(points[place]);
                }
                yield slice.toString();
            }
            case Tuple tuple -> new Tuple(slice(tuple.items(), start, stop, step), List.of());
            case Sequences.View _ -> throw notSubscriptable(target);
            case List<?> list -> slice(Values.list(list), start, stop, step);
            case Undefined undefined -> throw undefined.failure();
            default -> throw notSubscriptable(target);
        };
    }

    private static List<Object> slice(
            List<Object> items, @Nullable Long start, @Nullable Long stop, @Nullable Long step) {
        List<Object> slice = new ArrayList<>();
        for (int place : places(items.size(), start, stop, step)) {
            slice.add(items.get(place));
        }
        return slice;
    }

    private static TemplateException notSubscriptable(Object target) {
        return TemplateException.evaluation(
                "'" + Values.typeName(target) + "' object is not subscriptable");
    }

    private static int[] places(
            int length, @Nullable Long start, @Nullable Long stop, @Nullable Long step) {
        long stride = step == null ? 1 : step;
        if (stride == 0) {
            throw TemplateException.evaluation("slice step cannot be zero");
        }
        long lowest = stride > 0 ? 0 : -1;
        long highest = stride > 0 ? length : length - 1;
        long from = bound(start, stride > 0 ? lowest : highest, length, lowest, highest);
        long to = bound(stop, stride > 0 ? highest : lowest, length, lowest, highest);
        long distance = stride > 0 ? to - from : from - to;
        int count = distance <= 0 ? 0 : (int) (1 + (distance - 1) / Math.abs(stride));
        int[] places = new int[count];
        for (int i = 0; i < count; i++) {
            places[i] = (int) (from + i * stride);
        }
        return places;
    }

    private static long bound(
            @Nullable Long given, long otherwise, int length, long lowest, long highest) {
        if (given == null) {
            return otherwise;
        }
        long place = given < 0 ? given + length : given;
        return Math.clamp(place, lowest, highest);
    }
}
