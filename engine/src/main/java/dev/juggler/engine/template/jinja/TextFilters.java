package dev.juggler.engine.template.jinja;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Filters that make texts. */
final class TextFilters {
    static final Set<String> NAMES =
            Set.of(
                    "string",
                    "safe",
                    "upper",
                    "lower",
                    "capitalize",
                    "title",
                    "trim",
                    "replace",
                    "escape",
                    "e",
                    "forceescape",
                    "indent",
                    "truncate",
                    "center",
                    "wordcount",
                    "format",
                    "urlencode",
                    "striptags",
                    "pprint");

    private static final int UNICODE = Pattern.UNICODE_CHARACTER_CLASS;

    private TextFilters() {}

    /** The result, or null if there is no such filter here. */
    static @Nullable Object apply(String name, Object value, Arguments arguments, Budget budget) {
        if (!NAMES.contains(name)) {
            return null;
        }
        String text = Values.text(value);
        budget.text(text.length());
        return switch (name) {
            // There is no automatic escaping, so a text marked as safe is the text.
            case "string", "safe" -> text;
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower" -> text.toLowerCase(Locale.ROOT);
            case "capitalize" -> TextMethods.capitalize(text);
            case "title" -> title(text);
            case "trim" -> {
                Object characters = arguments.get(0, "chars", None.NONE);
                yield characters == None.NONE
                        ? PythonText.strip(text)
                        : PythonText.strip(
                                text, Values.requireText(characters, "chars"), true, true);
            }
            case "replace" -> {
                String old = Values.text(arguments.require(0, "old"));
                Object most = arguments.get(2, "count", None.NONE);
                yield TextMethods.replace(
                        text,
                        old,
                        Values.text(arguments.require(1, "new")),
                        most == None.NONE ? -1 : Values.requireInteger(most),
                        budget);
            }
            case "escape", "e", "forceescape" -> escape(text);
            case "indent" -> indent(text, arguments, budget);
            case "truncate" -> truncate(text, arguments);
            case "center" -> {
                long width = arguments.integer(0, "width", 80);
                budget.text(width);
                yield TextMethods.pad(text, "center", (int) Math.max(0, width), " ");
            }
            case "wordcount" -> Pattern.compile("\\w+", UNICODE).matcher(text).results().count();
            case "format" ->
                    PercentFormat.format(
                            text,
                            arguments.named().isEmpty()
                                    ? new Tuple(arguments.positional(), List.of())
                                    : arguments.named(),
                            budget);
            case "urlencode" -> value instanceof String ? quote(text, "/") : query(value);
            case "striptags" ->
                    PythonText.strip(
                            text.replaceAll("<!--.*?-->|<[^>]*>", "").replaceAll("\\s+", " "));
            case "pprint" -> Representation.of(value);
            default -> null;
        };
    }

    /** Each word after a blank, hyphen or opening bracket begins with a capital. */
    private static String title(String text) {
        StringBuilder out = new StringBuilder();
        boolean start = true;
        for (int point : text.codePoints().toArray()) {
            String letter = Character.toString(point);
            out.append(start ? letter.toUpperCase(Locale.ROOT) : letter.toLowerCase(Locale.ROOT));
            start = PythonText.isSpace(point) || "-({[<".indexOf(point) >= 0;
        }
        return out.toString();
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }

    private static String indent(String text, Arguments arguments, Budget budget) {
        Object width = arguments.get(0, "width", 4L);
        String by;
        if (width instanceof String given) {
            by = given;
        } else {
            long blanks = Math.max(0, Values.requireInteger(width));
            budget.text(blanks);
            by = " ".repeat((int) blanks);
        }
        boolean first = arguments.flag(1, "first", false);
        boolean blank = arguments.flag(2, "blank", false);
        List<Object> lines =
                Values.list(TextMethods.call(text + "\n", "splitlines", Arguments.NONE, budget));
        budget.text(text.length() + (long) by.length() * lines.size());
        List<Object> indented = new ArrayList<>();
        for (Object line : lines) {
            boolean bare = indented.isEmpty() ? !first : line.equals("") && !blank;
            indented.add(bare ? line : by + line);
        }
        return TextMethods.join("\n", indented, budget);
    }

    private static String truncate(String text, Arguments arguments) {
        int length = Math.clamp(arguments.integer(0, "length", 255), 0, Integer.MAX_VALUE);
        boolean killWords = arguments.flag(1, "killwords", false);
        String end = arguments.text(2, "end", "...");
        Object leeway = arguments.get(3, "leeway", None.NONE);
        long tolerance = leeway == None.NONE ? 5 : Values.requireInteger(leeway);
        int endLength = PythonText.length(end);
        if (length < endLength) {
            throw TemplateException.evaluation(
                    "truncate: the length %d is less than the end's, %d"
                            .formatted(length, endLength));
        }
        if (PythonText.length(text) <= length + tolerance) {
            return text;
        }
        String cut = text.substring(0, text.offsetByCodePoints(0, length - endLength));
        int blank = cut.lastIndexOf(' ');
        return (killWords || blank < 0 ? cut : cut.substring(0, blank)) + end;
    }

    private static String quote(String text, String safe) {
        StringBuilder out = new StringBuilder();
        for (byte octet : text.getBytes(StandardCharsets.UTF_8)) {
            char character = (char) (octet & 0xFF);
            boolean plain =
                    (character < 0x80 && Character.isLetterOrDigit(character))
                            || "_.-~".indexOf(character) >= 0
                            || safe.indexOf(character) >= 0;
            if (plain) {
                out.append(character);
            } else {
                out.append("%%%02X".formatted((int) character));
            }
        }
        return out.toString();
    }

    /** Pairs as the query of a URL. */
    private static String query(Object value) {
        if (!(value instanceof Map<?, ?>) && !(value instanceof List<?>)) {
            return quote(Values.text(value), "/");
        }
        List<String> parts = new ArrayList<>();
        for (Object pair :
                value instanceof Map<?, ?> map ? SequenceFilters.pairs(map) : Values.items(value)) {
            List<Object> items = Values.items(pair);
            if (items.size() != 2) {
                throw TemplateException.evaluation("urlencode needs a text, a dict or pairs");
            }
            parts.add(
                    quote(Values.text(items.get(0)), "").replace("%20", "+")
                            + "="
                            + quote(Values.text(items.get(1)), "").replace("%20", "+"));
        }
        return String.join("&", parts);
    }
}
