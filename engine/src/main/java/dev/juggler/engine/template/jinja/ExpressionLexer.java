package dev.juggler.engine.template.jinja;

import dev.juggler.engine.template.jinja.Token.Kind;

/** Reads one token inside a tag. */
final class ExpressionLexer {
    private static final String[] OPERATORS = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
        "}", ">", "<", "=", ".", ":", "|", ",", ";"
    };

    private ExpressionLexer() {}

    /** A token and where it ends in the source. */
    record Lexeme(Token token, int end) {}

    /** The token at {@code start}, which is no space. */
    static Lexeme next(String source, int start, int line) {
        char first = source.charAt(start);
        if (first == '"' || first == '\'') {
            return string(source, start, line);
        }
        if (first >= '0' && first <= '9') {
            return number(source, start, line);
        }
        if (Character.isUnicodeIdentifierStart(source.codePointAt(start)) || first == '_') {
            int end = start;
            while (end < source.length() && isNamePart(source.codePointAt(end))) {
                end += Character.charCount(source.codePointAt(end));
            }
            return new Lexeme(new Token(Kind.NAME, source.substring(start, end), line), end);
        }
        for (String operator : OPERATORS) {
            if (source.startsWith(operator, start)) {
                return new Lexeme(
                        new Token(Kind.OPERATOR, operator, line), start + operator.length());
            }
        }
        throw TemplateException.syntax(line, "unexpected character '" + first + "'");
    }

    private static boolean isNamePart(int character) {
        return Character.isUnicodeIdentifierPart(character)
                && !Character.isIdentifierIgnorable(character);
    }

    private static Lexeme number(String source, int start, int line) {
        if (source.charAt(start) == '0' && start + 1 < source.length()) {
            int radix = radix(source.charAt(start + 1));
            int end = radix == 10 ? start : digits(source, start + 2, radix);
            if (end > start + 2) {
                String value = source.substring(start + 2, end).replace("_", "");
                return new Lexeme(integer(value, radix, line), end);
            }
        }
        int end = digits(source, start, 10);
        boolean afterDot = start > 0 && source.charAt(start - 1) == '.';
        int fraction = end;
        if (!afterDot && end + 1 < source.length() && source.charAt(end) == '.') {
            fraction = Math.max(digits(source, end + 1, 10), end);
            fraction = fraction == end + 1 ? end : fraction;
        }
        int exponent = afterDot ? fraction : exponent(source, fraction);
        if (exponent > end) {
            String text = source.substring(start, exponent).replace("_", "");
            return new Lexeme(new Token(Kind.FLOAT, text, line), exponent);
        }
        String text = source.substring(start, end).replace("_", "");
        return new Lexeme(integer(text, 10, line), end);
    }

    private static Token integer(String digits, int radix, int line) {
        try {
            return new Token(Kind.INTEGER, Long.toString(Long.parseLong(digits, radix)), line);
        } catch (NumberFormatException e) {
            throw TemplateException.syntax(line, "the number " + digits + " is too large");
        }
    }

    private static int radix(char letter) {
        return switch (letter) {
            case 'x', 'X' -> 16;
            case 'o', 'O' -> 8;
            case 'b', 'B' -> 2;
            default -> 10;
        };
    }

    private static int digits(String source, int start, int radix) {
        int end = start;
        while (end < source.length()
                && (Character.digit(source.charAt(end), radix) >= 0
                        || (source.charAt(end) == '_' && end > start))) {
            end++;
        }
        return end;
    }

    /** Where an exponent that begins at {@code start} ends; {@code start} if there is none. */
    private static int exponent(String source, int start) {
        if (start >= source.length() || Character.toLowerCase(source.charAt(start)) != 'e') {
            return start;
        }
        int digits = start + 1;
        if (digits < source.length() && "+-".indexOf(source.charAt(digits)) >= 0) {
            digits++;
        }
        int end = digits(source, digits, 10);
        return end > digits ? end : start;
    }

    private static Lexeme string(String source, int start, int line) {
        char quote = source.charAt(start);
        StringBuilder text = new StringBuilder();
        int at = start + 1;
        while (at < source.length() && source.charAt(at) != quote) {
            if (source.charAt(at) == '\\' && at + 1 < source.length()) {
                at = escape(source, at, text, line);
            } else {
                text.append(source.charAt(at++));
            }
        }
        if (at >= source.length()) {
            throw TemplateException.syntax(line, "the string has no end, " + quote + " is missing");
        }
        return new Lexeme(new Token(Kind.STRING, text.toString(), line), at + 1);
    }

    /** Decodes the escape at {@code at} as Python does; returns where it ends. */
    private static int escape(String source, int at, StringBuilder text, int line) {
        char letter = source.charAt(at + 1);
        switch (letter) {
            case '\n' -> {}
            case '\\', '\'', '"' -> text.append(letter);
            case 'n' -> text.append('\n');
            case 't' -> text.append('\t');
            case 'r' -> text.append('\r');
            case 'a' -> text.append('\u0007');
            case 'b' -> text.append('\b');
            case 'f' -> text.append('\f');
            case 'v' -> text.append('\u000B');
            case 'x' -> {
                return codePoint(source, at, 2, text, line);
            }
            case 'u' -> {
                return codePoint(source, at, 4, text, line);
            }
            case 'U' -> {
                return codePoint(source, at, 8, text, line);
            }
            default -> {
                int end = at + 1;
                while (end < at + 4 && end < source.length() && isOctal(source.charAt(end))) {
                    end++;
                }
                if (end > at + 1) {
                    text.append((char) Integer.parseInt(source.substring(at + 1, end), 8));
                    return end;
                }
                text.append('\\').append(letter);
            }
        }
        return at + 2;
    }

    private static boolean isOctal(char digit) {
        return digit >= '0' && digit <= '7';
    }

    private static int codePoint(String source, int at, int length, StringBuilder text, int line) {
        int end = at + 2 + length;
        try {
            int value =
                    Integer.parseInt(source.substring(at + 2, Math.min(end, source.length())), 16);
            text.appendCodePoint(value);
            return end;
        } catch (IllegalArgumentException e) {
            throw TemplateException.syntax(
                    line,
                    "the escape \\"
                            + source.charAt(at + 1)
                            + " needs "
                            + length
                            + " hexadecimal digits");
        }
    }
}
