package dev.juggler.engine.template.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** The methods of Python's {@code str}. */
final class TextMethods {
    static final Set<String> NAMES =
            Set.of(
                    "upper",
                    "lower",
                    "title",
                    "capitalize",
                    "swapcase",
                    "casefold",
                    "strip",
                    "lstrip",
                    "rstrip",
                    "split",
                    "rsplit",
                    "splitlines",
                    "partition",
                    "rpartition",
                    "startswith",
                    "endswith",
                    "replace",
                    "find",
                    "rfind",
                    "index",
                    "rindex",
                    "count",
                    "join",
                    "format",
                    "isdigit",
                    "isalpha",
                    "isalnum",
                    "isspace",
                    "isupper",
                    "islower",
                    "isnumeric",
                    "isdecimal",
                    "istitle",
                    "zfill",
                    "center",
                    "ljust",
                    "rjust",
                    "removeprefix",
                    "removesuffix",
                    "expandtabs");

    private TextMethods() {}

    static Object call(String text, String name, Arguments arguments, Budget budget) {
        budget.text(text.length());
        return switch (name) {
            case "upper" -> text.toUpperCase(Locale.ROOT);
            case "lower", "casefold" -> text.toLowerCase(Locale.ROOT);
            case "title" -> title(text);
            case "capitalize" -> capitalize(text);
            case "swapcase" -> swapCase(text);
            case "strip" -> strip(text, arguments, true, true);
            case "lstrip" -> strip(text, arguments, true, false);
            case "rstrip" -> strip(text, arguments, false, true);
            case "split", "rsplit" ->
                    TextSplitting.split(text, arguments, name.equals("rsplit"), budget);
            case "splitlines" -> TextSplitting.lines(text, arguments.flag(0, "keepends", false));
            case "partition" -> TextSplitting.partition(text, arguments, false);
            case "rpartition" -> TextSplitting.partition(text, arguments, true);
            case "startswith", "endswith" -> borders(text, arguments, name.equals("endswith"));
            case "replace" -> {
                String old = text(arguments, 0, "old");
                yield replace(
                        text,
                        old,
                        text(arguments, 1, "new"),
                        arguments.integer(2, "count", -1),
                        budget);
            }
            case "find", "rfind", "index", "rindex" -> find(text, name, arguments);
            case "count" -> (long) occurrences(text, text(arguments, 0, "sub"));
            case "join" -> join(text, Values.items(arguments.require(0, "iterable")), budget);
            case "format" -> BraceFormat.format(text, arguments, budget);
            case "isdigit", "isnumeric", "isdecimal" -> all(text, Character::isDigit);
            case "isalpha" -> all(text, Character::isLetter);
            case "isalnum" -> all(text, Character::isLetterOrDigit);
            case "isspace" -> all(text, PythonText::isSpace);
            case "isupper" -> hasCase(text) && text.equals(text.toUpperCase(Locale.ROOT));
            case "islower" -> hasCase(text) && text.equals(text.toLowerCase(Locale.ROOT));
            case "istitle" -> hasCase(text) && text.equals(title(text));
            case "zfill" -> fillZeros(text, width(arguments, budget));
            case "center", "ljust", "rjust" ->
                    pad(text, name, width(arguments, budget), arguments.text(1, "fillchar", " "));
            case "removeprefix" -> {
                String prefix = text(arguments, 0, "prefix");
                yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
            }
            case "removesuffix" -> {
                String suffix = text(arguments, 0, "suffix");
                yield text.endsWith(suffix)
                        ? text.substring(0, text.length() - suffix.length())
                        : text;
            }
            case "expandtabs" -> {
                int size = Math.clamp(arguments.integer(0, "tabsize", 8), 0, 1000);
                yield expandTabs(text, size, budget);
            }
            default -> throw new IllegalStateException(name);
        };
    }

    private static String text(Arguments arguments, int index, String name) {
        return Values.requireText(arguments.require(index, name), name);
    }

    private static int width(Arguments arguments, Budget budget) {
        long width = Values.requireInteger(arguments.require(0, "width"));
        budget.text(width);
        return (int) Math.max(width, 0);
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = text.offsetByCodePoints(0, 1);
        return Character.toString(Character.toTitleCase(text.codePointAt(0)))
                + text.substring(first).toLowerCase(Locale.ROOT);
    }

    private static String title(String text) {
        StringBuilder out = new StringBuilder();
        boolean inWord = false;
        for (int point : text.codePoints().toArray()) {
            out.appendCodePoint(
                    inWord ? Character.toLowerCase(point) : Character.toTitleCase(point));
            inWord = isCased(point);
        }
        return out.toString();
    }

    private static boolean isCased(int point) {
        return Character.isUpperCase(point)
                || Character.isLowerCase(point)
                || Character.isTitleCase(point);
    }

    private static boolean hasCase(String text) {
        return text.codePoints().anyMatch(TextMethods::isCased);
    }

    private static String swapCase(String text) {
        StringBuilder out = new StringBuilder();
        text.codePoints()
                .forEach(point ->
                        out.appendCodePoint(
                                Character.isUpperCase(point)
                                        ? Character.toLowerCase(point)
                                        : Character.toUpperCase(point)));
        return out.toString();
    }

    private static String strip(String text, Arguments arguments, boolean atStart, boolean atEnd) {
        Object characters = arguments.get(0, "chars", None.NONE);
        if (characters != None.NONE) {
            return PythonText.strip(text, Values.requireText(characters, "chars"), atStart, atEnd);
        }
        String stripped = atEnd ? PythonText.stripEnd(text) : text;
        return atStart ? stripped.substring(PythonText.skipSpace(stripped, 0)) : stripped;
    }

    private static boolean borders(String text, Arguments arguments, boolean end) {
        Object wanted = arguments.require(0, "prefix");
        String part = range(text, arguments);
        List<Object> candidates = wanted instanceof Tuple tuple ? tuple.items() : List.of(wanted);
        for (Object candidate : candidates) {
            String border =
                    Values.requireText(candidate, "the argument of startswith and endswith");
            if (end ? part.endsWith(border) : part.startsWith(border)) {
                return true;
            }
        }
        return false;
    }

    /** The part that the arguments {@code start} and {@code end} name. */
    private static String range(String text, Arguments arguments) {
        if (arguments.positional().size() < 2) {
            return text;
        }
        @Nullable Long start = (Long) arguments.integer(1, "start", 0);
        @Nullable Long end =
                arguments.find(2, "end") == null ? null : (Long) arguments.integer(2, "end", 0);
        return Values.text(Sequencing.slice(text, start, end, null));
    }

    static String replace(String text, String old, String by, long most, Budget budget) {
        long count = occurrences(text, old);
        long replaced = most < 0 ? count : Math.min(most, count);
        budget.text(text.length() + replaced * Math.max(0, by.length() - old.length()));
        if (replaced == 0) {
            return text;
        }
        if (replaced == count) {
            return old.isEmpty() ? between(text, by, count) : text.replace(old, by);
        }
        if (old.isEmpty()) {
            return between(text, by, replaced);
        }
        return String.join(by, TextSplitting.fromStart(text, old, replaced).toArray(String[]::new));
    }

    /** The text with {@code by} before each of its first characters. */
    private static String between(String text, String by, long count) {
        StringBuilder out = new StringBuilder();
        long left = count;
        for (int point : text.codePoints().toArray()) {
            if (left-- > 0) {
                out.append(by);
            }
            out.appendCodePoint(point);
        }
        return left > 0 ? out.append(by).toString() : out.toString();
    }

    private static int occurrences(String text, String part) {
        if (part.isEmpty()) {
            return PythonText.length(text) + 1;
        }
        int count = 0;
        for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
            count++;
        }
        return count;
    }

    private static long find(String text, String name, Arguments arguments) {
        String part = text(arguments, 0, "sub");
        String within = range(text, arguments);
        int found = name.startsWith("r") ? within.lastIndexOf(part) : within.indexOf(part);
        if (found < 0) {
            if (name.endsWith("index")) {
                throw TemplateException.evaluation("substring not found");
            }
            return -1;
        }
        long start = arguments.positional().size() < 2 ? 0 : arguments.integer(1, "start", 0);
        long length = PythonText.length(text);
        long offset = Math.clamp(start < 0 ? start + length : start, 0, length);
        return offset + within.codePointCount(0, found);
    }

    static String join(String separator, List<Object> items, Budget budget) {
        long length = 0;
        for (Object item : items) {
            if (!(item instanceof String text)) {
                throw TemplateException.evaluation(
                        "join needs strings, found " + Values.typeName(item));
            }
            length += text.length() + separator.length();
        }
        budget.text(length);
        return String.join(separator, items.toArray(String[]::new));
    }

    private static boolean all(String text, IntPredicate predicate) {
        return !text.isEmpty() && text.codePoints().allMatch(predicate);
    }

    private static String fillZeros(String text, int width) {
        int missing = Math.max(0, width - PythonText.length(text));
        boolean signed = text.startsWith("-") || text.startsWith("+");
        return (signed ? text.substring(0, 1) : "")
                + "0".repeat(missing)
                + (signed ? text.substring(1) : text);
    }

    static String pad(String text, String name, int width, String fill) {
        if (PythonText.length(fill) != 1) {
            throw TemplateException.evaluation(
                    "the fill character must be exactly one character long");
        }
        int missing = Math.max(0, width - PythonText.length(text));
        int before =
                switch (name) {
                    case "center" -> missing / 2 + (missing & width & 1);
                    case "rjust" -> missing;
                    default -> 0;
                };
        return fill.repeat(before) + text + fill.repeat(missing - before);
    }

    private static String expandTabs(String text, int size, Budget budget) {
        StringBuilder out = new StringBuilder();
        int column = 0;
        for (int point : text.codePoints().toArray()) {
            if (point == '\t') {
                int spaces = size == 0 ? 0 : size - column % size;
                budget.text(out.length() + spaces);
                out.repeat(' ', spaces);
                column += spaces;
            } else {
                out.appendCodePoint(point);
                column = point == '\n' || point == '\r' ? 0 : column + 1;
            }
        }
        return out.toString();
    }
}
