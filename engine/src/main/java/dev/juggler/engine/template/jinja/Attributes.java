package dev.juggler.engine.template.jinja;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a dot and a subscript find. Attributes are those of the plain values that a template knows;
 * nothing of Java is within reach.
 */
final class Attributes {
    private Attributes() {}

    /** {@code target.name}: a method or attribute, else the item of that name. */
    static Object attribute(Object target, String name) {
        @Nullable Object found = own(target, name);
        if (found == null) {
            found = Sequencing.item(target, name);
        }
        return found == null ? missing(target, name) : found;
    }

    /** {@code target[index]}: an item, else the attribute of that name. */
    static Object item(Object target, Object index) {
        if (target instanceof Undefined undefined) {
            throw undefined.failure();
        }
        @Nullable Object found = index instanceof Undefined ? null : Sequencing.item(target, index);
        if (found == null && index instanceof String name) {
            found = own(target, name);
        }
        return found == null ? missing(target, index) : found;
    }

    private static Object missing(Object target, Object name) {
        if (target instanceof Undefined undefined) {
            throw undefined.failure();
        }
        return Undefined.item(target, name);
    }

    private static @Nullable Object own(Object target, String name) {
        return switch (target) {
            case Namespace namespace -> namespace.attributes().get(name);
            case Loop loop -> loop.attribute(name);
            case Macro macro -> macro.attribute(name);
            case Cycler cycler -> cycler.attribute(name);
            case Tuple tuple when tuple.names().contains(name) ->
                    tuple.items().get(tuple.names().indexOf(name));
            case String text when TextMethods.NAMES.contains(name) ->
                    method((arguments, budget) -> TextMethods.call(text, name, arguments, budget));
            case Map<?, ?> map when ContainerMethods.OF_DICT.contains(name) ->
                    method((arguments, budget) ->
                            ContainerMethods.call(Values.map(map), name, arguments, budget));
            case Object list
                    when Sequencing.isList(list) && ContainerMethods.OF_LIST.contains(name) ->
                    method((arguments, budget) ->
                            ContainerMethods.call(Values.list(list), name, arguments, budget));
            case Tuple tuple when name.equals("index") || name.equals("count") ->
                    method((arguments, budget) ->
                            ContainerMethods.call(tuple.items(), name, arguments, budget));
            default -> null;
        };
    }

    private static Callable method(Callable method) {
        return method;
    }

    /** An attribute by a path such as {@code function.name} or {@code 0.id}. */
    static Object path(Object target, Object path) {
        if (!(path instanceof String text)) {
            return item(target, path);
        }
        Object value = target;
        for (String part : text.split("\\.", -1)) {
            boolean index = !part.isEmpty() && part.chars().allMatch(c -> c >= '0' && c <= '9');
            value = item(value, index && part.length() < 10 ? (Object) Long.valueOf(part) : part);
        }
        return value;
    }
}
