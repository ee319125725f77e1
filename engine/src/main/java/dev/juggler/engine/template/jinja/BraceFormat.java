package dev.juggler.engine.template.jinja;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Python's {@code "...{}...".format(...)}. */
final class BraceFormat {
    private static final Pattern SPECIFICATION =
            Pattern.compile(
                    "(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\\d+)?([,_])?(?:\\.(\\d+))?([a-zA-Z%])?",
                    Pattern.DOTALL);

    private final String format;
    private final Arguments arguments;
    private final Budget budget;
    private final StringBuilder out = new StringBuilder();
    private int automatic;

    private BraceFormat(String format, Arguments arguments, Budget budget) {
        this.format = format;
        this.arguments = arguments;
        this.budget = budget;
    }

    static String format(String format, Arguments arguments, Budget budget) {
        return new BraceFormat(format, arguments, budget).run();
    }

    private String run() {
        int at = 0;
        while (at < format.length()) {
            char character = format.charAt(at);
            boolean doubled = at + 1 < format.length() && format.charAt(at + 1) == character;
            if ((character == '{' || character == '}') && doubled) {
                out.append(character);
                at += 2;
            } else if (character == '{') {
                int end = format.indexOf('}', at);
                if (end < 0) {
                    throw TemplateException.evaluation("expected '}' before end of string");
                }
                out.append(field(format.substring(at + 1, end)));
                at = end + 1;
            } else if (character == '}') {
                throw TemplateException.evaluation("Single '}' encountered in format string");
            } else {
                out.append(character);
                at++;
            }
            budget.text(out.length(), 1);
        }
        return out.toString();
    }

    private String field(String field) {
        int colon = field.indexOf(':');
        String name = colon < 0 ? field : field.substring(0, colon);
        String specification = colon < 0 ? "" : field.substring(colon + 1);
        int exclamation = name.indexOf('!');
        String conversion = exclamation < 0 ? "" : name.substring(exclamation + 1);
        Object value = value(exclamation < 0 ? name : name.substring(0, exclamation));
        if (conversion.equals("r")) {
            value = Representation.of(value);
        } else if (conversion.equals("s")) {
            value = Values.text(value);
        }
        return specification.isEmpty() ? Values.text(value) : rule(specification).format(value);
    }

    private Object value(String name) {
        String[] path = name.replace("]", "").split("[.\\[]", -1);
        String first = path[0];
        @Nullable Object value;
        if (first.isEmpty()) {
            value = arguments.find(automatic++, "");
        } else if (first.chars().allMatch(Character::isDigit)) {
            value = arguments.find(PercentFormat.limited(first, budget), "");
        } else {
            value = arguments.named().get(first);
        }
        if (value == null) {
            throw TemplateException.evaluation("format: there is no argument '" + first + "'");
        }
        for (int i = 1; i < path.length; i++) {
            value = Attributes.path(value, path[i]);
        }
        return value;
    }

    private NumberFormat rule(String specification) {
        Matcher matcher = SPECIFICATION.matcher(specification);
        if (!matcher.matches()) {
            throw TemplateException.evaluation("invalid format specifier '" + specification + "'");
        }
        boolean zeros = matcher.group(5) != null;
        @Nullable String align = matcher.group(2);
        @Nullable String fill = matcher.group(1);
        return new NumberFormat(
                fill == null ? (zeros ? "0" : " ") : fill,
                align == null ? (zeros ? '=' : (char) 0) : align.charAt(0),
                letter(matcher.group(3), '-'),
                matcher.group(4) != null,
                number(matcher.group(6), 0),
                letter(matcher.group(7), (char) 0),
                number(matcher.group(8), -1),
                letter(matcher.group(9), (char) 0));
    }

    private int number(@Nullable String digits, int otherwise) {
        return digits == null ? otherwise : PercentFormat.limited(digits, budget);
    }

    private static char letter(@Nullable String text, char otherwise) {
        return text == null ? otherwise : text.charAt(0);
    }
}
