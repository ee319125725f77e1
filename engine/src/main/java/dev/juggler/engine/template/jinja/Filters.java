package dev.juggler.engine.template.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import org.jspecify.annotations.Nullable;

/** What {@code |} can do: filters of single values here, of texts and sequences in their own. */
final class Filters {
    private Filters() {}

    static Object apply(String name, Object value, Arguments arguments, Budget budget) {
        budget.step();
        @Nullable Object result = single(name, value, arguments, budget);
        if (result == null) {
            result = TextFilters.apply(name, value, arguments, budget);
        }
        if (result == null) {
            result = SequenceFilters.apply(name, value, arguments, budget);
        }
        if (result == null) {
            throw TemplateException.evaluation("there is no filter named '" + name + "'");
        }
        return result;
    }

    static boolean exists(String name) {
        return switch (name) {
            case "default", "d", "tojson", "int", "float", "abs", "round", "attr" -> true;
            default -> TextFilters.NAMES.contains(name) || SequenceFilters.NAMES.contains(name);
        };
    }

    private static @Nullable Object single(
            String name, Object value, Arguments arguments, Budget budget) {
        return switch (name) {
            case "default", "d" -> {
                boolean replace =
                        value instanceof Undefined
                                || (arguments.flag(1, "boolean", false) && !Values.truth(value));
                yield replace ? arguments.get(0, "default_value", "") : value;
            }
            case "tojson" -> Json.of(value, arguments, budget);
            case "int" -> integer(value, arguments);
            case "float" -> {
                @Nullable Double number = parse(value);
                yield number == null ? arguments.get(0, "default", 0.0) : number;
            }
            case "abs" -> absolute(value);
            case "round" -> round(value, arguments);
            case "attr" -> Attributes.attribute(value, arguments.text(0, "name", ""));
            default -> null;
        };
    }

    private static Object integer(Object value, Arguments arguments) {
        if (value instanceof Long || value instanceof Boolean) {
            return Values.requireInteger(value);
        }
        if (value instanceof String text) {
            @Nullable Long whole = whole(text, (int) arguments.integer(1, "base", 10));
            if (whole != null) {
                return whole;
            }
        }
        @Nullable Double number = parse(value);
        if (number == null || number.isNaN() || Math.abs(number) > Long.MAX_VALUE) {
            return arguments.get(0, "default", 0L);
        }
        return (long) (double) number;
    }

    private static @Nullable Long whole(String text, int base) {
        if (base < Character.MIN_RADIX || base > Character.MAX_RADIX) {
            throw TemplateException.evaluation("int() base must be from 2 to 36, not " + base);
        }
        String digits = PythonText.strip(text).replace("_", "");
        boolean prefixed =
                (base == 16 && digits.matches("(?i)[-+]?0x.*"))
                        || (base == 8 && digits.matches("(?i)[-+]?0o.*"))
                        || (base == 2 && digits.matches("(?i)[-+]?0b.*"));
        try {
            return Long.valueOf(prefixed ? digits.replaceFirst("0[a-zA-Z]", "") : digits, base);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static @Nullable Double parse(Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (Values.isNumber(value)) {
            return Numbers.toDouble(value);
        }
        if (!(value instanceof String text)) {
            return null;
        }
        String number = PythonText.strip(text).replace("_", "");
        if (number.matches("(?i)[-+]?inf(inity)?")) {
            return number.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
        }
        if (number.matches("(?i)[-+]?nan")) {
            return Double.NaN;
        }
        return number.matches("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?")
                ? Double.valueOf(number)
                : null;
    }

    private static Object absolute(Object value) {
        if (value instanceof Double number) {
            return Math.abs(number);
        }
        if (!Values.isNumber(value)) {
            throw TemplateException.evaluation(
                    "bad operand type for abs(): '" + Values.typeName(value) + "'");
        }
        long number = Values.requireInteger(value);
        return number < 0 ? Numbers.negate(number) : (Object) number;
    }

    private static Object round(Object value, Arguments arguments) {
        if (!Values.isNumber(value)) {
            throw TemplateException.evaluation(
                    "type " + Values.typeName(value) + " doesn't define __round__ method");
        }
        int digits = Math.clamp(arguments.integer(0, "precision", 0), -400, 400);
        String method = arguments.text(1, "method", "common");
        if (!method.equals("common")) {
            double scale = Math.pow(10, digits);
            double scaled = Numbers.toDouble(value) * scale;
            return switch (method) {
                case "ceil" -> Math.ceil(scaled) / scale;
                case "floor" -> Math.floor(scaled) / scale;
                default ->
                        throw TemplateException.evaluation(
                                "round: the method must be common, ceil or floor, not " + method);
            };
        }
        if (!(value instanceof Double number)) {
            return new BigDecimal(Values.requireInteger(value))
                    .setScale(Math.min(digits, 0), RoundingMode.HALF_EVEN)
                    .longValue();
        }
        if (number.isNaN() || number.isInfinite()) {
            return number;
        }
        return new BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN).doubleValue();
    }
}
