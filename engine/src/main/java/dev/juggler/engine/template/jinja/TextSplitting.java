package dev.juggler.engine.template.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The methods of Python's {@code str} that take a text apart. */
final class TextSplitting {
    private TextSplitting() {}

    /** {@code str.split} and {@code str.rsplit}. */
    static List<Object> split(String text, Arguments arguments, boolean fromEnd, Budget budget) {
        Object separator = arguments.get(0, "sep", None.NONE);
        long given = arguments.integer(1, "maxsplit", -1);
        long most = given < 0 ? Long.MAX_VALUE : given;
        List<Object> parts;
        if (separator == None.NONE) {
            parts = fromEnd ? atSpaceFromEnd(text, most) : atSpace(text, most);
        } else {
            String by = Values.requireText(separator, "sep");
            if (by.isEmpty()) {
                throw TemplateException.evaluation("empty separator");
            }
            parts = fromEnd ? fromEnd(text, by, most) : fromStart(text, by, most);
        }
        budget.items(parts.size());
        return parts;
    }

    /** The parts between occurrences of {@code by}, split at most so many times. */
    static List<Object> fromStart(String text, String by, long most) {
        List<Object> parts = new ArrayList<>();
        int start = 0;
        int found = text.indexOf(by);
        while (found >= 0 && parts.size() < most) {
            parts.add(text.substring(start, found));
            start = found + by.length();
            found = text.indexOf(by, start);
        }
        parts.add(text.substring(start));
        return parts;
    }

    private static List<Object> fromEnd(String text, String by, long most) {
        List<Object> parts = new ArrayList<>();
        int end = text.length();
        int found = text.lastIndexOf(by);
        while (found >= 0 && parts.size() < most) {
            parts.add(text.substring(found + by.length(), end));
            end = found;
            found = end < by.length() ? -1 : text.lastIndexOf(by, end - by.length());
        }
        parts.add(text.substring(0, end));
        Collections.reverse(parts);
        return parts;
    }

    private static List<Object> atSpace(String text, long most) {
        List<Object> parts = new ArrayList<>();
        int start = PythonText.skipSpace(text, 0);
        while (start < text.length()) {
            int end = start;
            if (parts.size() >= most) {
                parts.add(text.substring(start));
                return parts;
            }
            while (end < text.length() && !PythonText.isSpace(text.charAt(end))) {
                end++;
            }
            parts.add(text.substring(start, end));
            start = PythonText.skipSpace(text, end);
        }
        return parts;
    }

    private static List<Object> atSpaceFromEnd(String text, long most) {
        List<Object> parts = new ArrayList<>();
        String rest = PythonText.stripEnd(text);
        while (!rest.isEmpty()) {
            int start = rest.length();
            if (parts.size() >= most) {
                parts.add(rest);
                break;
            }
            while (start > 0 && !PythonText.isSpace(rest.charAt(start - 1))) {
                start--;
            }
            parts.add(rest.substring(start));
            rest = PythonText.stripEnd(rest.substring(0, start));
        }
        Collections.reverse(parts);
        return parts;
    }

    /** {@code str.splitlines}: at every line end that Unicode knows. */
    static List<Object> lines(String text, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int start = 0;
        while (start < text.length()) {
            int end = start;
            while (end < text.length() && !isLineEnd(text.charAt(end))) {
                end++;
            }
            int next = Math.min(end + 1, text.length());
            if (text.startsWith("\r\n", end)) {
                next++;
            }
            lines.add(text.substring(start, keepEnds ? next : end));
            start = next;
        }
        return lines;
    }

    private static boolean isLineEnd(char character) {
        return switch (character) {
            case '\n', '\r', 0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029 -> true;
            default -> false;
        };
    }

    /** {@code str.partition} and {@code str.rpartition}. */
    static Tuple partition(String text, Arguments arguments, boolean last) {
        String by = Values.requireText(arguments.require(0, "sep"), "sep");
        int found = last ? text.lastIndexOf(by) : text.indexOf(by);
        if (by.isEmpty()) {
            throw TemplateException.evaluation("empty separator");
        }
        if (found < 0) {
            return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
        }
        return Tuple.of(text.substring(0, found), by, text.substring(found + by.length()));
    }
}
