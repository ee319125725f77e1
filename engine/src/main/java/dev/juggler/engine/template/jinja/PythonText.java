package dev.juggler.engine.template.jinja;

/** Python's view of characters, where it is not Java's. */
final class PythonText {
    private PythonText() {}

    /** Whether {@code str.isspace()} and {@code \s} hold. */
    static boolean isSpace(int character) {
        return switch (character) {
            case 0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true;
            default ->
                    (character >= 0x09 && character <= 0x0D)
                            || (character >= 0x1C && character <= 0x1F)
                            || (character >= 0x2000 && character <= 0x200A);
        };
    }

    /** Index of the first character from {@code start} on that is no space. */
    static int skipSpace(String text, int start) {
        int index = start;
        while (index < text.length() && isSpace(text.charAt(index))) {
            index++;
        }
        return index;
    }

    static String stripEnd(String text) {
        int end = text.length();
        while (end > 0 && isSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(0, end);
    }

    static String strip(String text) {
        String stripped = stripEnd(text);
        return stripped.substring(skipSpace(stripped, 0));
    }

    /** {@code str.lstrip(characters)} and {@code str.rstrip(characters)}. */
    static String strip(String text, String characters, boolean atStart, boolean atEnd) {
        int start = 0;
        int end = text.length();
        while (atStart && start < end && contains(characters, text.codePointAt(start))) {
            start += Character.charCount(text.codePointAt(start));
        }
        while (atEnd && end > start && contains(characters, text.codePointBefore(end))) {
            end -= Character.charCount(text.codePointBefore(end));
        }
        return text.substring(start, end);
    }

    private static boolean contains(String characters, int character) {
        return characters.indexOf(character) >= 0;
    }

    /** Whether {@code repr()} shows the character as it is. */
    static boolean isPrintable(int character) {
        if (character == ' ') {
            return true;
        }
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SPACE_SEPARATOR ->
                    false;
            default -> true;
        };
    }

    /** Number of characters (code points). */
    static int length(String text) {
        return text.codePointCount(0, text.length());
    }
}
