package dev.juggler.engine.template.jinja;

import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What {@code is} can ask. */
final class Tests {
    private Tests() {}

    static boolean holds(String name, Object value, Arguments arguments) {
        return switch (name) {
            case "defined" -> !(value instanceof Undefined);
            case "undefined" -> value instanceof Undefined;
            case "none" -> value == None.NONE;
            case "boolean" -> value instanceof Boolean;
            case "true" -> Boolean.TRUE.equals(value);
            case "false" -> Boolean.FALSE.equals(value);
            case "integer" -> value instanceof Long || value instanceof BigInteger;
            case "float" -> value instanceof Double;
            case "number" -> Values.isNumber(value);
            case "string" -> value instanceof String;
            case "mapping" -> value instanceof Map<?, ?>;
            case "sequence" -> isSequence(value);
            case "iterable" ->
                    isSequence(value)
                            || value instanceof Sequences.View
                            || value instanceof Sequences.Generator;
            case "callable" -> value instanceof Callable;
            case "sameas" -> isSame(value, arguments.require(0, "other"));
            case "odd" -> integer(value) % 2 != 0;
            case "even" -> integer(value) % 2 == 0;
            case "divisibleby" -> {
                long divisor = Values.requireInteger(arguments.require(0, "num"));
                if (divisor == 0) {
                    throw TemplateException.evaluation("integer division or modulo by zero");
                }
                yield integer(value) % divisor == 0;
            }
            case "lower" -> isCase(value, true);
            case "upper" -> isCase(value, false);
            case "in" -> Comparisons.contains(arguments.require(0, "seq"), value);
            case "eq", "equalto", "==" -> compare("==", value, arguments);
            case "ne", "!=" -> compare("!=", value, arguments);
            case "lt", "lessthan", "<" -> compare("<", value, arguments);
            case "le", "<=" -> compare("<=", value, arguments);
            case "gt", "greaterthan", ">" -> compare(">", value, arguments);
            case "ge", ">=" -> compare(">=", value, arguments);
            case "escaped" -> false;
            case "filter" -> value instanceof String filter && Filters.exists(filter);
            default -> throw TemplateException.evaluation("there is no test named '" + name + "'");
        };
    }

    private static long integer(Object value) {
        return Values.requireInteger(value);
    }

    private static boolean compare(String operator, Object value, Arguments arguments) {
        return Comparisons.holds(operator, value, arguments.require(0, "other"));
    }

    /** What has a length and items by index; undefined values too, as in jinja2. */
    private static boolean isSequence(Object value) {
        return value instanceof String
                || value instanceof Tuple
                || value instanceof Map<?, ?>
                || value instanceof Undefined
                || (value instanceof List<?> && !(value instanceof Sequences.View));
    }

    /** Whether both are one value; Python keeps one of each small number and short text. */
    private static boolean isSame(Object value, Object other) {
        return value.getClass() == other.getClass() && Comparisons.equal(value, other);
    }

    private static boolean isCase(Object value, boolean lower) {
        String text = Values.text(value);
        boolean hasCase =
                text.codePoints()
                        .anyMatch(point ->
                                Character.isLowerCase(point) || Character.isUpperCase(point));
        return hasCase
                && text.equals(
                        lower ? text.toLowerCase(Locale.ROOT) : text.toUpperCase(Locale.ROOT));
    }
}
