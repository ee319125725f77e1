package dev.juggler.engine.template.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The methods of Python's dictionaries and lists. */
final class ContainerMethods {
    static final Set<String> OF_DICT =
            Set.of(
                    "get",
                    "items",
                    "keys",
                    "values",
                    "update",
                    "pop",
                    "setdefault",
                    "copy",
                    "clear",
                    "popitem");
    static final Set<String> OF_LIST =
            Set.of(
                    "append", "extend", "insert", "pop", "index", "count", "copy", "clear",
                    "reverse", "remove", "sort");

    private ContainerMethods() {}

    static Object call(Map<Object, Object> dict, String name, Arguments arguments, Budget budget) {
        budget.step();
        return switch (name) {
            case "get" -> {
                @Nullable Object found = dict.get(Values.key(arguments.require(0, "key")));
                yield found == null ? arguments.get(1, "default", None.NONE) : found;
            }
            case "items" -> {
                budget.items(dict.size());
                List<Object> items = new ArrayList<>();
                dict.forEach((key, value) -> items.add(Tuple.of(key, value)));
                yield new Sequences.View("dict_items", items);
            }
            case "keys" -> new Sequences.View("dict_keys", new ArrayList<>(dict.keySet()));
            case "values" -> new Sequences.View("dict_values", new ArrayList<>(dict.values()));
            case "update" -> {
                Map<Object, Object> added = dictionary(arguments);
                budget.items((long) dict.size() + added.size());
                dict.putAll(added);
                yield None.NONE;
            }
            case "pop" -> {
                Object key = Values.key(arguments.require(0, "key"));
                @Nullable Object removed = dict.remove(key);
                if (removed == null) {
                    removed = arguments.find(1, "default");
                }
                if (removed == null) {
                    throw TemplateException.evaluation("no key " + Representation.of(key));
                }
                yield removed;
            }
            case "setdefault" -> {
                Object key = Values.key(arguments.require(0, "key"));
                dict.putIfAbsent(key, arguments.get(1, "default", None.NONE));
                yield dict.get(key);
            }
            case "copy" -> {
                budget.items(dict.size());
                yield new LinkedHashMap<>(dict);
            }
            case "clear" -> {
                dict.clear();
                yield None.NONE;
            }
            case "popitem" -> {
                List<Object> keys = new ArrayList<>(dict.keySet());
                if (keys.isEmpty()) {
                    throw TemplateException.evaluation("popitem(): dictionary is empty");
                }
                Object key = keys.getLast();
                Object value = dict.getOrDefault(key, None.NONE);
                dict.remove(key);
                yield Tuple.of(key, value);
            }
            default -> throw new IllegalStateException(name);
        };
    }

    /** What {@code dict(...)} and {@code update(...)} take: a dictionary or pairs, and names. */
    static Map<Object, Object> dictionary(Arguments arguments) {
        Map<Object, Object> dict = new LinkedHashMap<>();
        if (!arguments.positional().isEmpty()) {
            Object first = arguments.positional().getFirst();
            if (first instanceof Map<?, ?> map) {
                dict.putAll(map);
            } else {
                for (Object pair : Values.items(first)) {
                    List<Object> items = Values.items(pair);
                    if (items.size() != 2) {
                        throw TemplateException.evaluation(
                                "a dictionary is made of pairs, not of " + Representation.of(pair));
                    }
                    dict.put(Values.key(items.get(0)), items.get(1));
                }
            }
        }
        dict.putAll(arguments.named());
        return dict;
    }

    static Object call(List<Object> list, String name, Arguments arguments, Budget budget) {
        budget.step();
        switch (name) {
            case "append" -> {
                budget.items(1);
                list.add(arguments.require(0, "item"));
            }
            case "extend" -> {
                List<Object> added = Values.items(arguments.require(0, "items"));
                budget.items((long) list.size() + added.size());
                list.addAll(added);
            }
            case "insert" -> {
                budget.items(list.size() + 1L);
                long index = Values.requireInteger(arguments.require(0, "index"));
                long place = index < 0 ? index + list.size() : index;
                list.add(Math.clamp(place, 0, list.size()), arguments.require(1, "item"));
            }
            case "pop" -> {
                return list.remove(existing(list, arguments.integer(0, "index", -1)));
            }
            case "index" -> {
                return (long) find(list, arguments.require(0, "item"));
            }
            case "count" -> {
                Object wanted = arguments.require(0, "item");
                return list.stream().filter(item -> Comparisons.equal(item, wanted)).count();
            }
            case "copy" -> {
                budget.items(list.size());
                return new ArrayList<>(list);
            }
            case "clear" -> list.clear();
            case "reverse" -> Collections.reverse(list);
            case "remove" -> list.remove(find(list, arguments.require(0, "item")));
            case "sort" -> {
                budget.items(list.size());
                list.sort(
                        arguments.flag(0, "reverse", false)
                                ? Comparisons.ORDER.reversed()
                                : Comparisons.ORDER);
            }
            default -> throw new IllegalStateException(name);
        }
        return None.NONE;
    }

    private static int existing(List<Object> list, long index) {
        long place = index < 0 ? index + list.size() : index;
        if (place < 0 || place >= list.size()) {
            throw TemplateException.evaluation(
                    "list index %d is out of range, the list has %d items"
                            .formatted(index, list.size()));
        }
        return (int) place;
    }

    private static int find(List<Object> list, Object wanted) {
        for (int i = 0; i < list.size(); i++) {
            if (Comparisons.equal(list.get(i), wanted)) {
                return i;
            }
        }
        throw TemplateException.evaluation(Representation.of(wanted) + " is not in the list");
    }
}
