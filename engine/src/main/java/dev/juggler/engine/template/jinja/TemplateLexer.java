package dev.juggler.engine.template.jinja;

import dev.juggler.engine.template.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens, with transformers' settings: {@code trim_blocks} (the newline after
 * a block or comment tag goes), {@code lstrip_blocks} (blanks before one that begins a line go),
 * and the template's last newline goes.
 */
final class TemplateLexer {
    private static final int UNICODE = Pattern.UNICODE_CHARACTER_CLASS | Pattern.DOTALL;
    private static final Pattern RAW_BEGIN =
            Pattern.compile("\\{%[-+]?\\s*raw\\s*(?:-%}\\s*|%})", UNICODE);
    private static final Pattern RAW_END =
            Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(?:\\+%}|-%}\\s*|%}\\n?)", UNICODE);

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int position;
    private int line = 1;

    private TemplateLexer(String source) {
        this.source = source;
    }

    /** The tokens of a template; the last one is END. */
    static List<Token> tokens(String template) {
        String source = template.replace("\r\n", "\n").replace('\r', '\n');
        if (source.endsWith("\n")) {
            source = source.substring(0, source.length() - 1);
        }
        return new TemplateLexer(source).run();
    }

    private List<Token> run() {
        while (position < source.length()) {
            int tag = nextTag(position);
            if (tag < 0) {
                addText(source.substring(position));
                moveTo(source.length());
                break;
            }
            char kind = source.charAt(tag + 1);
            char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
            addText(textBefore(position, tag, sign, kind != '{'));
            moveTo(tag);
            if (kind == '#') {
                skipComment();
            } else if (kind == '%' && matches(RAW_BEGIN)) {
                raw();
            } else {
                tag(kind == '%', sign);
            }
        }
        tokens.add(new Token(Kind.END, "", line));
        return tokens;
    }

    private int nextTag(int from) {
        for (int at = source.indexOf('{', from); at >= 0; at = source.indexOf('{', at + 1)) {
            if (at + 1 < source.length() && "{%#".indexOf(source.charAt(at + 1)) >= 0) {
                return at;
            }
        }
        return -1;
    }

    /** The text from start to a tag, without what the tag removes. */
    private String textBefore(int start, int tag, char sign, boolean lineTag) {
        String text = source.substring(start, tag);
        if (sign == '-') {
            return PythonText.stripEnd(text);
        }
        if (sign == '+' || !lineTag) {
            return text;
        }
        int lineStart = text.lastIndexOf('\n') + 1;
        boolean beginsLine = lineStart > 0 || start == 0 || source.charAt(start - 1) == '\n';
        return beginsLine && PythonText.skipSpace(text, lineStart) == text.length()
                ? text.substring(0, lineStart)
                : text;
    }

    private void skipComment() {
        int end = source.indexOf("#}", position + 2);
        if (end < 0) {
            throw TemplateException.syntax(line, "the comment has no end, '#}' is missing");
        }
        moveTo(afterTag(end, position + 2));
    }

    /** Where text goes on after the closing tag at {@code end}. */
    private int afterTag(int end, int contentStart) {
        int after = end + 2;
        char sign = end > contentStart ? source.charAt(end - 1) : ' ';
        if (sign == '-') {
            return PythonText.skipSpace(source, after);
        }
        boolean newline = after < source.length() && source.charAt(after) == '\n';
        return newline && sign != '+' ? after + 1 : after;
    }

    private boolean matches(Pattern pattern) {
        return pattern.matcher(source).region(position, source.length()).lookingAt();
    }

    private void raw() {
        Matcher begin = RAW_BEGIN.matcher(source).region(position, source.length());
        Matcher end = RAW_END.matcher(source);
        if (!begin.lookingAt() || !end.find(begin.end())) {
            throw TemplateException.syntax(line, "'{% raw %}' has no '{% endraw %}'");
        }
        String sign = end.group(1);
        moveTo(begin.end());
        addText(textBefore(begin.end(), end.start(), sign.isEmpty() ? ' ' : sign.charAt(0), true));
        moveTo(end.end());
    }

    /** An output or block tag with what it holds. */
    private void tag(boolean block, char sign) {
        int startLine = line;
        tokens.add(new Token(block ? Kind.BLOCK_BEGIN : Kind.OUTPUT_BEGIN, "", line));
        moveTo(position + (sign == '-' || sign == '+' ? 3 : 2));
        int open = 0;
        while (true) {
            moveTo(PythonText.skipSpace(source, position));
            if (position >= source.length()) {
                throw TemplateException.syntax(
                        startLine,
                        "the tag has no end, '%s' is missing".formatted(block ? "%}" : "}}"));
            }
            int end = open == 0 ? tagEnd(block) : -1;
            if (end >= 0) {
                tokens.add(new Token(block ? Kind.BLOCK_END : Kind.OUTPUT_END, "", line));
                moveTo(end);
                return;
            }
            ExpressionLexer.Lexeme lexeme = ExpressionLexer.next(source, position, line);
            tokens.add(lexeme.token());
            if (lexeme.token().kind() == Kind.OPERATOR) {
                open += balance(lexeme.token().text());
            }
            moveTo(lexeme.end());
        }
    }

    private static int balance(String operator) {
        return switch (operator) {
            case "(", "[", "{" -> 1;
            case ")", "]", "}" -> -1;
            default -> 0;
        };
    }

    /** Where text goes on if the tag ends here, else -1. */
    private int tagEnd(boolean block) {
        String closing = block ? "%}" : "}}";
        if (source.startsWith(closing, position)) {
            return block ? afterTag(position, position) : position + 2;
        }
        char sign = source.charAt(position);
        if (source.startsWith(closing, position + 1) && (sign == '-' || (sign == '+' && block))) {
            return afterTag(position + 1, position);
        }
        return -1;
    }

    private void addText(String text) {
        if (!text.isEmpty()) {
            tokens.add(new Token(Kind.TEXT, text, line));
        }
    }

    private void moveTo(int newPosition) {
        for (int i = position; i < newPosition; i++) {
            if (source.charAt(i) == '\n') {
                line++;
            }
        }
        position = newPosition;
    }
}
