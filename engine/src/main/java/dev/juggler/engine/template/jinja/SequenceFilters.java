package dev.juggler.engine.template.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Filters of lists, dictionaries and what else has items. */
final class SequenceFilters {
    static final Set<String> NAMES =
            Set.of(
                    "length",
                    "count",
                    "first",
                    "last",
                    "list",
                    "join",
                    "reverse",
                    "sort",
                    "unique",
                    "min",
                    "max",
                    "sum",
                    "map",
                    "select",
                    "reject",
                    "selectattr",
                    "rejectattr",
                    "items",
                    "dictsort",
                    "groupby",
                    "batch",
                    "slice");

    private SequenceFilters() {}

    /** The result, or null if there is no such filter here. */
    static @Nullable Object apply(String name, Object value, Arguments arguments, Budget budget) {
        if (!NAMES.contains(name)) {
            return null;
        }
        if (name.equals("length") || name.equals("count")) {
            return Values.length(value);
        }
        if (name.equals("first")) {
            var items = Values.iterate(value);
            return items.hasNext() ? items.next() : nothing("first");
        }
        if (name.equals("items")) {
            if (!(value instanceof Map<?, ?>) && !(value instanceof Undefined)) {
                throw TemplateException.evaluation("Can only get item pairs from a mapping.");
            }
            return new Sequences.Generator(value instanceof Map<?, ?> map ? pairs(map) : List.of());
        }
        List<Object> items = Values.items(value);
        budget.items(items.size());
        return switch (name) {
            case "last" -> items.isEmpty() ? nothing("last") : items.getLast();
            case "list" -> new ArrayList<>(items);
            case "join" -> join(items, arguments, budget);
            case "reverse" -> reverse(value, items);
            case "sort" -> sorted(items, arguments);
            case "unique" -> new Sequences.Generator(unique(items, arguments));
            case "min", "max" -> extreme(name, items, arguments);
            case "sum" -> sum(items, arguments, budget);
            case "map" -> new Sequences.Generator(map(items, arguments, budget));
            case "select", "reject" ->
                    new Sequences.Generator(select(items, arguments, name.equals("select"), null));
            case "selectattr", "rejectattr" -> {
                Object path = arguments.require(0, "attribute");
                yield new Sequences.Generator(
                        select(items, arguments.skip(1), name.equals("selectattr"), path));
            }
            case "dictsort" -> dictSort(value, arguments);
            case "groupby" -> groups(items, arguments);
            case "batch" -> new Sequences.Generator(batches(items, arguments));
            case "slice" -> new Sequences.Generator(slices(items, arguments, budget));
            default -> null;
        };
    }

    private static Undefined nothing(String which) {
        return new Undefined("No " + which + " item, sequence was empty.");
    }

    static List<Object> pairs(Map<?, ?> map) {
        List<Object> pairs = new ArrayList<>();
        map.forEach((key, item) -> pairs.add(Tuple.of(key, item)));
        return pairs;
    }

    private static String join(List<Object> items, Arguments arguments, Budget budget) {
        UnaryOperator<Object> attribute = attribute(arguments.get(1, "attribute", None.NONE));
        List<Object> texts = new ArrayList<>();
        for (Object item : items) {
            texts.add(Values.text(attribute.apply(item)));
        }
        return TextMethods.join(Values.text(arguments.get(0, "d", "")), texts, budget);
    }

    private static Object reverse(Object value, List<Object> items) {
        List<Object> reversed = new ArrayList<>(items);
        Collections.reverse(reversed);
        if (!(value instanceof String)) {
            return new Sequences.Generator(reversed);
        }
        StringBuilder text = new StringBuilder();
        reversed.forEach(text::append);
        return text.toString();
    }

    /** What a filter's argument {@code attribute} takes from an item. */
    private static UnaryOperator<Object> attribute(Object path) {
        return path == None.NONE ? item -> item : item -> Attributes.path(item, path);
    }

    private static Object ignoringCase(Object value) {
        return value instanceof String text ? text.toLowerCase(Locale.ROOT) : value;
    }

    private static UnaryOperator<Object> key(Object path, boolean caseSensitive) {
        UnaryOperator<Object> attribute = attribute(path);
        return caseSensitive ? attribute : item -> ignoringCase(attribute.apply(item));
    }

    private static List<Object> sorted(List<Object> items, Arguments arguments) {
        boolean reverse = arguments.flag(0, "reverse", false);
        boolean caseSensitive = arguments.flag(1, "case_sensitive", false);
        Object attribute = arguments.get(2, "attribute", None.NONE);
        List<Object> paths =
                attribute instanceof String text && text.contains(",")
                        ? List.of((Object[]) text.split(",", -1))
                        : List.of(attribute);
        Comparator<Object> order = (_, _) -> 0;
        for (Object path : paths) {
            order = order.thenComparing(key(path, caseSensitive), Comparisons.EQUAL_OR_ORDER);
        }
        return sort(items, reverse ? order.reversed() : order);
    }

    private static List<Object> sort(List<Object> items, Comparator<Object> order) {
        List<Object> sorted = new ArrayList<>(items);
        sorted.sort(order);
        return sorted;
    }

    private static List<Object> unique(List<Object> items, Arguments arguments) {
        UnaryOperator<Object> key =
                key(
                        arguments.get(1, "attribute", None.NONE),
                        arguments.flag(0, "case_sensitive", false));
        Set<Object> seen = new java.util.HashSet<>();
        List<Object> unique = new ArrayList<>();
        for (Object item : items) {
            if (seen.add(Values.key(key.apply(item)))) {
                unique.add(item);
            }
        }
        return unique;
    }

    private static Object extreme(String name, List<Object> items, Arguments arguments) {
        if (items.isEmpty()) {
            return new Undefined("No aggregated item, sequence was empty.");
        }
        UnaryOperator<Object> key =
                key(
                        arguments.get(1, "attribute", None.NONE),
                        arguments.flag(0, "case_sensitive", false));
        Object best = items.getFirst();
        for (Object item : items) {
            int order = Comparisons.compare(key.apply(item), key.apply(best));
            if (name.equals("min") ? order < 0 : order > 0) {
                best = item;
            }
        }
        return best;
    }

    private static Object sum(List<Object> items, Arguments arguments, Budget budget) {
        UnaryOperator<Object> attribute = attribute(arguments.get(0, "attribute", None.NONE));
        Object sum = arguments.get(1, "start", 0L);
        for (Object item : items) {
            sum = Numbers.apply("+", sum, attribute.apply(item), budget);
        }
        return sum;
    }

    private static List<Object> map(List<Object> items, Arguments arguments, Budget budget) {
        List<Object> mapped = new ArrayList<>();
        @Nullable Object path = arguments.named().get("attribute");
        if (arguments.positional().isEmpty() && path != null) {
            @Nullable Object otherwise = arguments.named().get("default");
            for (Object item : items) {
                Object found = Attributes.path(item, path);
                mapped.add(found instanceof Undefined && otherwise != null ? otherwise : found);
            }
            return mapped;
        }
        String filter = Values.requireText(arguments.require(0, "filter"), "map's filter");
        for (Object item : items) {
            mapped.add(Filters.apply(filter, item, arguments.skip(1), budget));
        }
        return mapped;
    }

    private static List<Object> select(
            List<Object> items, Arguments arguments, boolean wanted, @Nullable Object path) {
        List<Object> chosen = new ArrayList<>();
        for (Object item : items) {
            Object tested = path == null ? item : Attributes.path(item, path);
            boolean holds =
                    arguments.positional().isEmpty()
                            ? Values.truth(tested)
                            : Tests.holds(arguments.text(0, "test", ""), tested, arguments.skip(1));
            if (holds == wanted) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    private static List<Object> dictSort(Object value, Arguments arguments) {
        if (!(value instanceof Map<?, ?> map)) {
            throw TemplateException.evaluation(
                    "dictsort needs a dict, not " + Values.typeName(value));
        }
        boolean caseSensitive = arguments.flag(0, "case_sensitive", false);
        String by = arguments.text(1, "by", "key");
        if (!by.equals("key") && !by.equals("value")) {
            throw TemplateException.evaluation(
                    "dictsort: 'by' must be \"key\" or \"value\", not \"" + by + "\"");
        }
        Comparator<Object> order =
                Comparator.comparing(
                        key(by.equals("key") ? 0L : 1L, caseSensitive), Comparisons.ORDER);
        return sort(pairs(map), arguments.flag(2, "reverse", false) ? order.reversed() : order);
    }

    private static List<Object> groups(List<Object> items, Arguments arguments) {
        Object path = arguments.require(0, "attribute");
        Object otherwise = arguments.get(1, "default", None.NONE);
        boolean caseSensitive = arguments.flag(2, "case_sensitive", false);
        UnaryOperator<Object> attribute =
                item -> {
                    Object found = Attributes.path(item, path);
                    return found instanceof Undefined && otherwise != None.NONE ? otherwise : found;
                };
        UnaryOperator<Object> key =
                caseSensitive ? attribute : item -> ignoringCase(attribute.apply(item));
        List<Object> groups = new ArrayList<>();
        List<Object> group = new ArrayList<>();
        for (Object item : sort(items, Comparator.comparing(key, Comparisons.ORDER))) {
            if (group.isEmpty()
                    || !Comparisons.equal(key.apply(group.getFirst()), key.apply(item))) {
                group = new ArrayList<>();
                groups.add(
                        new Tuple(
                                List.of(attribute.apply(item), group), List.of("grouper", "list")));
            }
            group.add(item);
        }
        return groups;
    }

    private static List<Object> batches(List<Object> items, Arguments arguments) {
        long size = Values.requireInteger(arguments.require(0, "linecount"));
        Object fill = arguments.get(1, "fill_with", None.NONE);
        if (size < 1) {
            throw TemplateException.evaluation("batch needs a size of at least 1, not " + size);
        }
        List<Object> batches = new ArrayList<>();
        for (int start = 0; start < items.size(); start += (int) Math.min(size, items.size())) {
            int end = (int) Math.min(start + size, items.size());
            List<Object> batch = new ArrayList<>(items.subList(start, end));
            while (fill != None.NONE && batch.size() < Math.min(size, 100_000)) {
                batch.add(fill);
            }
            batches.add(batch);
        }
        return batches;
    }

    /** The items in so many columns; the first ones are one longer where they do not divide. */
    private static List<Object> slices(List<Object> items, Arguments arguments, Budget budget) {
        long count = Values.requireInteger(arguments.require(0, "slices"));
        Object fill = arguments.get(1, "fill_with", None.NONE);
        if (count < 1) {
            throw TemplateException.evaluation("slice needs at least 1 slice, not " + count);
        }
        budget.items(count);
        List<Object> slices = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < count; i++) {
            boolean longer = i < items.size() % count;
            int end = start + (int) (items.size() / count) + (longer ? 1 : 0);
            List<Object> slice = new ArrayList<>(items.subList(start, end));
            if (fill != None.NONE && !longer) {
                slice.add(fill);
            }
            slices.add(slice);
            start = end;
        }
        return slices;
    }
}
