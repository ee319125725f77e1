package dev.juggler.engine.template.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Python's {@code "..." % values}. */
final class PercentFormat {
    private final String format;
    private final Object source;
    private final List<Object> values;
    private final Budget budget;
    private final StringBuilder out = new StringBuilder();
    private int position;
    private int used;

    private PercentFormat(String format, Object source, Budget budget) {
        this.format = format;
        this.source = source;
        this.values = source instanceof Tuple tuple ? tuple.items() : List.of(source);
        this.budget = budget;
    }

    static String format(String format, Object values, Budget budget) {
        return new PercentFormat(format, values, budget).run();
    }

    private String run() {
        while (position < format.length()) {
            char character = format.charAt(position++);
            if (character == '%') {
                conversion();
            } else {
                out.append(character);
            }
            budget.text(out.length(), 1);
        }
        if (used < values.size() && !(source instanceof Map<?, ?>)) {
            throw TemplateException.evaluation(
                    "not all arguments converted during string formatting");
        }
        return out.toString();
    }

    private void conversion() {
        @Nullable String key = null;
        if (at('(')) {
            int end = format.indexOf(')', position);
            if (end < 0) {
                throw TemplateException.evaluation("incomplete format key");
            }
            key = format.substring(position + 1, end);
            position = end + 1;
        }
        String flags = flags();
        int width = number(0);
        int precision = -1;
        if (at('.')) {
            position++;
            precision = number(0);
        }
        if (position >= format.length()) {
            throw TemplateException.evaluation("incomplete format");
        }
        char type = format.charAt(position++);
        if (type == '%') {
            out.append('%');
            return;
        }
        Object value = key == null ? next() : named(key);
        boolean text = type == 'r' || type == 'a' || type == 's';
        boolean zeros = flags.contains("0") && !flags.contains("-") && !text;
        NumberFormat rule =
                new NumberFormat(
                        zeros ? "0" : " ",
                        flags.contains("-") ? '<' : zeros ? '=' : '>',
                        flags.contains("+") ? '+' : flags.contains(" ") ? ' ' : '-',
                        flags.contains("#"),
                        width,
                        (char) 0,
                        precision,
                        text ? 's' : type);
        out.append(rule.format(type == 'r' ? Representation.of(value) : value));
    }

    private boolean at(char character) {
        return position < format.length() && format.charAt(position) == character;
    }

    private String flags() {
        int start = position;
        while (position < format.length() && "-+ 0#".indexOf(format.charAt(position)) >= 0) {
            position++;
        }
        return format.substring(start, position);
    }

    private int number(int otherwise) {
        if (at('*')) {
            position++;
            long given = Values.requireInteger(next());
            budget.text(given);
            return (int) given;
        }
        int start = position;
        while (position < format.length() && Character.isDigit(format.charAt(position))) {
            position++;
        }
        return start == position ? otherwise : limited(format.substring(start, position), budget);
    }

    /** A width or precision, within the budget. */
    static int limited(String digits, Budget budget) {
        long number = digits.length() > 9 ? Integer.MAX_VALUE : Long.parseLong(digits);
        budget.text(number);
        return (int) number;
    }

    private Object next() {
        if (used >= values.size()) {
            throw TemplateException.evaluation("not enough arguments for format string");
        }
        return values.get(used++);
    }

    private Object named(String key) {
        if (!(source instanceof Map<?, ?> map)) {
            throw TemplateException.evaluation("format requires a mapping");
        }
        @Nullable Object value = map.get(key);
        if (value == null) {
            throw TemplateException.evaluation("no key '" + key + "' for the format");
        }
        return value;
    }
}
