package dev.juggler.engine.template.jinja;

import dev.juggler.engine.template.jinja.Token.Kind;
import java.util.List;

/** Tokens, read one after the other. */
final class TokenStream {
    private final List<Token> tokens;
    private int next;

    TokenStream(List<Token> tokens) {
        this.tokens = tokens;
    }

    Token peek() {
        return tokens.get(next);
    }

    /** The token after the next. */
    Token peekSecond() {
        return tokens.get(Math.min(next + 1, tokens.size() - 1));
    }

    Token take() {
        Token token = peek();
        next = Math.min(next + 1, tokens.size() - 1);
        return token;
    }

    boolean at(Kind kind) {
        return peek().kind() == kind;
    }

    boolean atOperator(String operator) {
        return peek().is(Kind.OPERATOR, operator);
    }

    boolean atName(String name) {
        return peek().is(Kind.NAME, name);
    }

    boolean skipOperator(String operator) {
        boolean found = atOperator(operator);
        if (found) {
            take();
        }
        return found;
    }

    boolean skipName(String name) {
        boolean found = atName(name);
        if (found) {
            take();
        }
        return found;
    }

    void expectOperator(String operator) {
        if (!skipOperator(operator)) {
            throw unexpected("'" + operator + "'");
        }
    }

    String expectName() {
        return expect(Kind.NAME, "a name").text();
    }

    void expectName(String name) {
        if (!skipName(name)) {
            throw unexpected("'" + name + "'");
        }
    }

    Token expect(Kind kind, String what) {
        if (!at(kind)) {
            throw unexpected(what);
        }
        return take();
    }

    TemplateException unexpected(String wanted) {
        return TemplateException.syntax(
                peek().line(), "expected " + wanted + ", found " + peek().describe());
    }
}
