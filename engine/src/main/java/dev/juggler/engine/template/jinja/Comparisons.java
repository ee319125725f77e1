package dev.juggler.engine.template.jinja;

import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Python's comparisons. */
final class Comparisons {
    /** Orders values as {@code <} does. */
    static final Comparator<Object> ORDER = Comparisons::compare;

    /** Likewise, but what is equal need not be comparable. */
    static final Comparator<Object> EQUAL_OR_ORDER =
            (left, right) -> equal(left, right) ? 0 : compare(left, right);

    private Comparisons() {}

    static boolean holds(String operator, Object left, Object right) {
        return switch (operator) {
            case "==" -> equal(left, right);
            case "!=" -> !equal(left, right);
            case "in" -> contains(right, left);
            case "not in" -> !contains(right, left);
            case "<" -> compare(left, right) < 0 && !isNan(left, right);
            case "<=" -> compare(left, right) <= 0 && !isNan(left, right);
            case ">" -> compare(left, right) > 0 && !isNan(left, right);
            case ">=" -> compare(left, right) >= 0 && !isNan(left, right);
            default -> throw new IllegalStateException(operator);
        };
    }

    private static boolean isNan(Object left, Object right) {
        return (left instanceof Double first && first.isNaN())
                || (right instanceof Double second && second.isNaN());
    }

    static boolean equal(Object left, Object right) {
        if (Values.isNumber(left) && Values.isNumber(right)) {
            if (left instanceof Double || right instanceof Double) {
                return Numbers.toDouble(left) == Numbers.toDouble(right);
            }
            return integer(left).equals(integer(right));
        }
        return switch (left) {
            case Undefined _ -> right instanceof Undefined;
            case List<?> list -> right instanceof List<?> other && equalItems(list, other);
            case Tuple tuple ->
                    right instanceof Tuple other && equalItems(tuple.items(), other.items());
            case Map<?, ?> map -> right instanceof Map<?, ?> other && equalMaps(map, other);
            default -> left.equals(right);
        };
    }

    private static Object integer(Object value) {
        return value instanceof Boolean truth ? Long.valueOf(truth ? 1 : 0) : value;
    }

    private static boolean equalItems(List<?> left, List<?> right) {
        if (left.size() != right.size()) {
            return false;
        }
        Iterator<?> others = right.iterator();
        for (Object item : left) {
            if (!equal(item, others.next())) {
                return false;
            }
        }
        return true;
    }

    private static boolean equalMaps(Map<?, ?> left, Map<?, ?> right) {
        if (left.size() != right.size()) {
            return false;
        }
        for (Map.Entry<?, ?> entry : left.entrySet()) {
            Object other = right.get(entry.getKey());
            if (other == null || !equal(entry.getValue(), other)) {
                return false;
            }
        }
        return true;
    }

    /** {@code item in container}. */
    static boolean contains(Object container, Object item) {
        return switch (container) {
            case String text -> {
                if (item instanceof Undefined undefined) {
                    throw undefined.failure();
                }
                if (!(item instanceof String part)) {
                    throw TemplateException.evaluation(
                            "'in <string>' requires string as left operand, not "
                                    + Values.typeName(item));
                }
                yield text.contains(part);
            }
            case Map<?, ?> map -> map.containsKey(Values.key(item));
            case List<?> list -> containsItem(list, item);
            case Tuple tuple -> containsItem(tuple.items(), item);
            case Undefined _ -> false;
            case Sequences.Generator generator -> containsItem(Values.items(generator), item);
            default ->
                    throw TemplateException.evaluation(
                            "argument of type '"
                                    + Values.typeName(container)
                                    + "' is not iterable");
        };
    }

    private static boolean containsItem(List<?> items, Object wanted) {
        for (Object item : items) {
            if (equal(item, wanted)) {
                return true;
            }
        }
        return false;
    }

    static int compare(Object left, Object right) {
        if (Values.isNumber(left) && Values.isNumber(right)) {
            return left instanceof Long first && right instanceof Long second
                    ? Long.compare(first, second)
                    : Double.compare(Numbers.toDouble(left) + 0.0, Numbers.toDouble(right) + 0.0);
        }
        if (left instanceof String first && right instanceof String second) {
            return compareText(first, second);
        }
        if (left instanceof Tuple first && right instanceof Tuple second) {
            return compareItems(first.items(), second.items());
        }
        if (Sequencing.isList(left) && Sequencing.isList(right)) {
            return compareItems(Values.list(left), Values.list(right));
        }
        if (left instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (right instanceof Undefined undefined) {
            throw undefined.failure();
        }
        throw TemplateException.evaluation(
                "'<' not supported between instances of '%s' and '%s'"
                        .formatted(Values.typeName(left), Values.typeName(right)));
    }

    /** By code points; surrogates sort above the rest. */
    private static int compareText(String left, String right) {
        int length = Math.min(left.length(), right.length());
        for (int i = 0; i < length; i++) {
            char first = left.charAt(i);
            char second = right.charAt(i);
            if (first != second) {
                boolean pairs = Character.isSurrogate(first) != Character.isSurrogate(second);
                int order = Character.compare(first, second);
                return pairs ? (Character.isSurrogate(first) ? 1 : -1) : order;
            }
        }
        return Integer.compare(left.length(), right.length());
    }

    private static int compareItems(List<Object> left, List<Object> right) {
        int length = Math.min(left.size(), right.size());
        for (int i = 0; i < length; i++) {
            if (!equal(left.get(i), right.get(i))) {
                return compare(left.get(i), right.get(i));
            }
        }
        return Integer.compare(left.size(), right.size());
    }
}
