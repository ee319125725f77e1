package dev.juggler.engine.template.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The filter {@code tojson} as transformers defines it: Python's {@code json.dumps} with {@code
 * ensure_ascii=False} and no HTML escapes.
 */
final class Json {
    private final StringBuilder out = new StringBuilder();
    private final Budget budget;
    private final boolean ascii;
    private final boolean sortKeys;
    private final @Nullable String indent;
    private final String itemSeparator;
    private final String keySeparator;

    private Json(Arguments arguments, Budget budget) {
        this.budget = budget;
        this.ascii = arguments.flag(0, "ensure_ascii", false);
        this.indent = indent(arguments.get(1, "indent", None.NONE), budget);
        Object separators = arguments.get(2, "separators", None.NONE);
        if (separators == None.NONE) {
            this.itemSeparator = indent == null ? ", " : ",";
            this.keySeparator = ": ";
        } else {
            List<Object> pair = Values.items(separators);
            if (pair.size() != 2) {
                throw TemplateException.evaluation("tojson: separators must be two strings");
            }
            this.itemSeparator = Values.requireText(pair.get(0), "separator");
            this.keySeparator = Values.requireText(pair.get(1), "separator");
        }
        this.sortKeys = arguments.flag(3, "sort_keys", false);
    }

    private static @Nullable String indent(Object indent, Budget budget) {
        if (indent == None.NONE) {
            return null;
        }
        if (indent instanceof String text) {
            return text;
        }
        long width = Math.max(0, Values.requireInteger(indent));
        budget.text(width);
        return " ".repeat((int) width);
    }

    static String of(Object value, Arguments arguments, Budget budget) {
        Json json = new Json(arguments, budget);
        json.append(value, 0);
        return json.out.toString();
    }

    private void append(Object value, int depth) {
        budget.step();
        budget.enter();
        switch (value) {
            case None _ -> out.append("null");
            case Boolean truth -> out.append(truth);
            case Long _, BigInteger _ -> out.append(value);
            case Double number -> out.append(number(number));
            case String text -> quote(text);
            case List<?> list when Sequencing.isList(list) -> array(list, depth);
            case Tuple tuple -> array(tuple.items(), depth);
            case Map<?, ?> map -> object(map, depth);
            default ->
                    throw TemplateException.evaluation(
                            "Object of type "
                                    + Values.typeName(value)
                                    + " is not JSON serializable");
        }
        budget.leave();
    }

    private static String number(double number) {
        if (Double.isNaN(number)) {
            return "NaN";
        }
        if (Double.isInfinite(number)) {
            return number > 0 ? "Infinity" : "-Infinity";
        }
        return Representation.number(number);
    }

    private void array(List<?> items, int depth) {
        out.append('[');
        boolean first = true;
        for (Object item : items) {
            separate(first, depth + 1);
            append(item, depth + 1);
            first = false;
        }
        close(']', first, depth);
    }

    private void object(Map<?, ?> map, int depth) {
        out.append('{');
        boolean first = true;
        List<Object> keys = new ArrayList<>(map.keySet());
        if (sortKeys) {
            keys.sort(Comparisons.ORDER);
        }
        for (Object key : keys) {
            separate(first, depth + 1);
            quote(key(key));
            out.append(keySeparator);
            append(Values.map(map).getOrDefault(key, None.NONE), depth + 1);
            first = false;
        }
        close('}', first, depth);
    }

    private static String key(Object key) {
        return switch (key) {
            case String text -> text;
            case None _ -> "null";
            case Boolean truth -> truth ? "true" : "false";
            case Long number -> number.toString();
            case Double number -> number(number);
            default ->
                    throw TemplateException.evaluation(
                            "keys must be str, int, float, bool or None, not "
                                    + Values.typeName(key));
        };
    }

    private void separate(boolean first, int depth) {
        if (!first) {
            out.append(itemSeparator);
        }
        newLine(depth);
    }

    private void close(char bracket, boolean empty, int depth) {
        if (!empty) {
            newLine(depth);
        }
        out.append(bracket);
    }

    private void newLine(int depth) {
        if (indent != null) {
            long added = (long) indent.length() * depth + 1;
            budget.text(out.length() + added, added);
            out.append('\n').repeat(indent, depth);
        }
    }

    private void quote(String text) {
        budget.text((long) out.length() + text.length(), text.length());
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char character = text.charAt(i);
            switch (character) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\f' -> out.append("\\f");
                case '\b' -> out.append("\\b");
                default -> {
                    if (character < ' ' || (ascii && character > '~')) {
                        out.append("\\u%04x".formatted((int) character));
                    } else {
                        out.append(character);
                    }
                }
            }
        }
        out.append('"');
    }
}
