package dev.juggler.engine.template.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What all values have in common: truth, text, type, items. */
final class Values {
    private Values() {}

    /**
     * A value of Java as a template sees it: a copy, so that the template cannot change it.
     *
     * @throws IllegalArgumentException if it is no JSON-like value
     */
    static Object fromJava(@Nullable Object value) {
        return switch (value) {
            case null -> None.NONE;
            case String text -> text;
            case Boolean truth -> truth;
            case Integer number -> (long) number;
            case Long number -> number;
            case Short number -> (long) number;
            case Double number -> number;
            case Float number -> (double) number;
            case BigInteger number -> number.bitLength() < 64 ? number.longValue() : number;
            case BigDecimal number -> number.doubleValue();
            case Map<?, ?> map -> {
                Map<Object, Object> copy = new LinkedHashMap<>();
                map.forEach((key, item) -> copy.put(fromJava(key), fromJava(item)));
                yield copy;
            }
            case Iterable<?> items -> {
                List<Object> copy = new ArrayList<>();
                items.forEach(item -> copy.add(fromJava(item)));
                yield copy;
            }
            case None none -> none;
            case Callable callable -> callable;
            case Function<?, ?> function -> called(function);
            default ->
                    throw new IllegalArgumentException(
                            "a template variable cannot be a " + value.getClass().getName());
        };
    }

    @SuppressWarnings("unchecked") // a function for templates takes whatever the template gives
    private static Callable called(Function<?, ?> function) {
        Function<List<Object>, Object> typed = (Function<List<Object>, Object>) function;
        return (arguments, _) -> fromJava(typed.apply(arguments.positional()));
    }

    static boolean truth(Object value) {
        return switch (value) {
            case Boolean truth -> truth;
            case String text -> !text.isEmpty();
            case Long number -> number != 0;
            case Double number -> number != 0;
            case List<?> list -> !list.isEmpty();
            case Map<?, ?> map -> !map.isEmpty();
            case Tuple tuple -> !tuple.items().isEmpty();
            case None _, Undefined _ -> false;
            default -> true;
        };
    }

    /** Python's {@code str()}. */
    static String text(Object value) {
        return switch (value) {
            case String text -> text;
            case Undefined _ -> "";
            default -> Representation.of(value);
        };
    }

    /** Python's name of the type. */
    static String typeName(Object value) {
        return switch (value) {
            case String _ -> "str";
            case Boolean _ -> "bool";
            case Long _, BigInteger _ -> "int";
            case Double _ -> "float";
            case None _ -> "NoneType";
            case Undefined _ -> "Undefined";
            case Tuple _ -> "tuple";
            case Sequences.Range _ -> "range";
            case Sequences.View _ -> "dict view";
            case List<?> _ -> "list";
            case Map<?, ?> _ -> "dict";
            case Sequences.Generator _ -> "generator";
            case Namespace _ -> "namespace";
            default -> "function";
        };
    }

    /** As messages about missing attributes name a value. */
    static String describe(Object value) {
        return value == None.NONE ? "None" : typeName(value) + " object";
    }

    static boolean isNumber(Object value) {
        return value instanceof Number || value instanceof Boolean;
    }

    /** What iteration over the value gives. */
    static Iterator<Object> iterate(Object value) {
        return items(value).iterator();
    }

    /** The items of the value; a generator is used up. */
    static List<Object> items(Object value) {
        return switch (value) {
            case List<?> list -> new ArrayList<>(list);
            case Tuple tuple -> tuple.items();
            case Map<?, ?> map -> new ArrayList<>(map.keySet());
            case String text -> characters(text);
            case Sequences.Generator generator -> {
                List<Object> items = new ArrayList<>();
                generator.forEach(items::add);
                yield items;
            }
            case Undefined _ -> List.of();
            default ->
                    throw TemplateException.evaluation(
                            "'" + typeName(value) + "' object is not iterable");
        };
    }

    private static List<Object> characters(String text) {
        List<Object> characters = new ArrayList<>();
        text.codePoints().forEach(point -> characters.add(Character.toString(point)));
        return characters;
    }

    /** Python's {@code len()}. */
    static long length(Object value) {
        return switch (value) {
            case String text -> PythonText.length(text);
            case List<?> list -> list.size();
            case Map<?, ?> map -> map.size();
            case Tuple tuple -> tuple.items().size();
            case Undefined _ -> 0;
            default ->
                    throw TemplateException.evaluation(
                            "object of type '" + typeName(value) + "' has no len()");
        };
    }

    /** A value as a key of a dictionary. */
    static Object key(Object value) {
        if (value instanceof List<?> || value instanceof Map<?, ?>) {
            throw TemplateException.evaluation("unhashable type: '" + typeName(value) + "'");
        }
        if (value instanceof Tuple tuple) {
            tuple.items().forEach(Values::key);
        }
        return value;
    }

    static long requireInteger(Object value) {
        return switch (value) {
            case Long number -> number;
            case Boolean truth -> truth ? 1 : 0;
            case Undefined undefined -> throw undefined.failure();
            default ->
                    throw TemplateException.evaluation(
                            "'" + typeName(value) + "' object cannot be interpreted as an integer");
        };
    }

    static String requireText(Object value, String what) {
        return switch (value) {
            case String text -> text;
            case Undefined undefined -> throw undefined.failure();
            default ->
                    throw TemplateException.evaluation(
                            what + " must be str, not " + typeName(value));
        };
    }

    @SuppressWarnings("unchecked") // every list in a template is made here, of Object
    static List<Object> list(Object list) {
        return (List<Object>) list;
    }

    @SuppressWarnings("unchecked") // every map in a template is made here, of Object
    static Map<Object, Object> map(Object map) {
        return (Map<Object, Object>) map;
    }
}
