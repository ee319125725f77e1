package dev.juggler.engine.template.jinja;

import dev.juggler.engine.template.jinja.Expression.Parameters;
import dev.juggler.engine.template.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes expression trees, with jinja2's precedence: each method is one level of it. */
final class ExpressionParser {
    private static final int DEEPEST = 200;
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> NOT_A_TEST_ARGUMENT =
            Set.of("else", "or", "and", "is", "if", "in", "not");

    private final TokenStream tokens;
    private int depth;

    ExpressionParser(TokenStream tokens) {
        this.tokens = tokens;
    }

    /** An expression; several with commas between them are a tuple. */
    Expression tupleOrSingle() {
        Expression first = expression();
        if (!tokens.atOperator(",")) {
            return first;
        }
        List<Expression> items = new ArrayList<>(List.of(first));
        while (tokens.skipOperator(",") && !atEndOfTuple()) {
            items.add(expression());
        }
        return new Expression.TupleOf(items);
    }

    private boolean atEndOfTuple() {
        return tokens.at(Kind.BLOCK_END)
                || tokens.at(Kind.OUTPUT_END)
                || tokens.atOperator(")")
                || tokens.atOperator("=");
    }

    Expression expression() {
        if (++depth > DEEPEST) {
            throw TemplateException.syntax(
                    tokens.peek().line(), "expressions are nested more than " + DEEPEST + " deep");
        }
        Expression value = or();
        while (tokens.skipName("if")) {
            Expression condition = or();
            @Nullable Expression otherwise = tokens.skipName("else") ? expression() : null;
            value = new Expression.Conditional(condition, value, otherwise);
        }
        depth--;
        return value;
    }

    /**
     * An expression that an {@code if} may follow which is not its own ({@code for x in y if z}).
     */
    Expression or() {
        Expression left = and();
        while (tokens.skipName("or")) {
            left = new Expression.Or(left, and());
        }
        return left;
    }

    private Expression and() {
        Expression left = not();
        while (tokens.skipName("and")) {
            left = new Expression.And(left, not());
        }
        return left;
    }

    private Expression not() {
        int negations = 0;
        while (tokens.skipName("not")) {
            negations++;
        }
        Expression value = comparison();
        for (int i = 0; i < Math.min(negations, 2 - negations % 2); i++) {
            value = new Expression.Not(value);
        }
        return value;
    }

    private Expression comparison() {
        Expression first = sum();
        List<Expression.Operand> operands = new ArrayList<>();
        while (true) {
            Token token = tokens.peek();
            if (token.kind() == Kind.OPERATOR && COMPARISONS.contains(token.text())) {
                tokens.take();
                operands.add(new Expression.Operand(token.text(), sum()));
            } else if (tokens.skipName("in")) {
                operands.add(new Expression.Operand("in", sum()));
            } else if (tokens.atName("not") && tokens.peekSecond().is(Kind.NAME, "in")) {
                tokens.take();
                tokens.take();
                operands.add(new Expression.Operand("not in", sum()));
            } else {
                break;
            }
        }
        return operands.isEmpty() ? first : new Expression.Comparison(first, operands);
    }

    private Expression sum() {
        Expression left = concatenation();
        while (tokens.atOperator("+") || tokens.atOperator("-")) {
            String operator = tokens.take().text();
            left = new Expression.Arithmetic(operator, left, concatenation());
        }
        return left;
    }

    private Expression concatenation() {
        Expression first = product();
        if (!tokens.atOperator("~")) {
            return first;
        }
        List<Expression> parts = new ArrayList<>(List.of(first));
        while (tokens.skipOperator("~")) {
            parts.add(product());
        }
        return new Expression.Concatenation(parts);
    }

    private Expression product() {
        Expression left = power();
        while (tokens.atOperator("*")
                || tokens.atOperator("/")
                || tokens.atOperator("//")
                || tokens.atOperator("%")) {
            String operator = tokens.take().text();
            left = new Expression.Arithmetic(operator, left, power());
        }
        return left;
    }

    private Expression power() {
        Expression left = unary(true);
        while (tokens.skipOperator("**")) {
            left = new Expression.Arithmetic("**", left, unary(true));
        }
        return left;
    }

    private Expression unary(boolean filters) {
        if (++depth > DEEPEST) {
            throw TemplateException.syntax(
                    tokens.peek().line(), "expressions are nested more than " + DEEPEST + " deep");
        }
        Expression value;
        if (tokens.skipOperator("-")) {
            value = new Expression.Sign(unary(false), true);
        } else if (tokens.skipOperator("+")) {
            value = new Expression.Sign(unary(false), false);
        } else {
            value = primary();
        }
        value = postfix(value);
        if (filters) {
            value = filtersAndTests(value);
        }
        depth--;
        return value;
    }

    private Expression primary() {
        Token token = tokens.take();
        switch (token.kind()) {
            case NAME -> {
                return switch (token.text()) {
                    case "true", "True" -> new Expression.Literal(true);
                    case "false", "False" -> new Expression.Literal(false);
                    case "none", "None" -> new Expression.Literal(None.NONE);
                    default -> new Expression.Name(token.text());
                };
            }
            case STRING -> {
                StringBuilder text = new StringBuilder(token.text());
                while (tokens.at(Kind.STRING)) {
                    text.append(tokens.take().text());
                }
                return new Expression.Literal(text.toString());
            }
            case INTEGER -> {
                return new Expression.Literal(Long.valueOf(token.text()));
            }
            case FLOAT -> {
                return new Expression.Literal(Double.valueOf(token.text()));
            }
            case OPERATOR -> {
                if (token.text().equals("(")) {
                    return parenthesis();
                } else if (token.text().equals("[")) {
                    return new Expression.ListOf(items("]"));
                } else if (token.text().equals("{")) {
                    return dictionary();
                }
            }
            default -> {}
        }
        throw TemplateException.syntax(
                token.line(), "expected an expression, found " + token.describe());
    }

    private Expression parenthesis() {
        if (tokens.skipOperator(")")) {
            return new Expression.TupleOf(List.of());
        }
        Expression value = tupleOrSingle();
        tokens.expectOperator(")");
        return value;
    }

    private List<Expression> items(String closing) {
        List<Expression> items = new ArrayList<>();
        while (!tokens.skipOperator(closing)) {
            items.add(expression());
            if (!tokens.atOperator(closing)) {
                tokens.expectOperator(",");
            }
        }
        return items;
    }

    private Expression dictionary() {
        List<Expression.Pair> pairs = new ArrayList<>();
        while (!tokens.skipOperator("}")) {
            Expression key = expression();
            tokens.expectOperator(":");
            pairs.add(new Expression.Pair(key, expression()));
            if (!tokens.atOperator("}")) {
                tokens.expectOperator(",");
            }
        }
        return new Expression.DictOf(pairs);
    }

    private Expression postfix(Expression target) {
        Expression value = target;
        while (true) {
            if (tokens.skipOperator(".")) {
                value = member(value);
            } else if (tokens.skipOperator("[")) {
                value = subscript(value);
            } else if (tokens.atOperator("(")) {
                value = new Expression.Call(value, parameters());
            } else {
                return value;
            }
        }
    }

    private Expression member(Expression target) {
        if (tokens.at(Kind.INTEGER)) {
            return new Expression.Item(
                    target, new Expression.Literal(Long.valueOf(tokens.take().text())));
        }
        return new Expression.Attribute(target, tokens.expectName());
    }

    private Expression subscript(Expression target) {
        @Nullable Expression start = tokens.atOperator(":") ? null : tupleOrSingle();
        if (start != null && tokens.skipOperator("]")) {
            return new Expression.Item(target, start);
        }
        tokens.expectOperator(":");
        @Nullable Expression stop = sliceBound();
        @Nullable Expression step = tokens.skipOperator(":") ? sliceBound() : null;
        tokens.expectOperator("]");
        return new Expression.Slice(target, start, stop, step);
    }

    private @Nullable Expression sliceBound() {
        return tokens.atOperator(":") || tokens.atOperator("]") ? null : expression();
    }

    private Expression filtersAndTests(Expression target) {
        Expression value = target;
        while (true) {
            if (tokens.atOperator("|")) {
                value = filters(value);
            } else if (tokens.skipName("is")) {
                value = test(value);
            } else if (tokens.atOperator("(")) {
                value = new Expression.Call(value, parameters());
            } else {
                return value;
            }
        }
    }

    /** {@code | name(arguments)}, any number of times. */
    Expression filters(Expression target) {
        Expression value = target;
        while (tokens.skipOperator("|")) {
            value = filter(value);
        }
        return value;
    }

    /** A filter whose {@code |} has been read. */
    Expression filter(Expression target) {
        String name = dottedName();
        Parameters parameters = tokens.atOperator("(") ? parameters() : Parameters.NONE;
        return new Expression.Filter(target, name, parameters);
    }

    private String dottedName() {
        StringBuilder name = new StringBuilder(tokens.expectName());
        while (tokens.skipOperator(".")) {
            name.append('.').append(tokens.expectName());
        }
        return name.toString();
    }

    private Expression test(Expression target) {
        boolean negated = tokens.skipName("not");
        String name = dottedName();
        Parameters parameters = Parameters.NONE;
        if (tokens.atOperator("(")) {
            parameters = parameters();
        } else if (atTestArgument()) {
            Expression argument = postfix(primary());
            parameters = new Parameters(List.of(argument), Map.of(), null, null);
        }
        Expression test = new Expression.Test(target, name, parameters);
        return negated ? new Expression.Not(test) : test;
    }

    private boolean atTestArgument() {
        return switch (tokens.peek().kind()) {
            case NAME -> !NOT_A_TEST_ARGUMENT.contains(tokens.peek().text());
            case STRING, INTEGER, FLOAT -> true;
            case OPERATOR -> tokens.atOperator("[") || tokens.atOperator("{");
            default -> false;
        };
    }

    /** Arguments in parentheses. */
    Parameters parameters() {
        tokens.expectOperator("(");
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        @Nullable Expression spread = null;
        @Nullable Expression namedSpread = null;
        while (!tokens.skipOperator(")")) {
            if (tokens.skipOperator("**")) {
                namedSpread = expression();
            } else if (tokens.skipOperator("*")) {
                spread = expression();
            } else if (tokens.at(Kind.NAME) && tokens.peekSecond().is(Kind.OPERATOR, "=")) {
                String name = tokens.expectName();
                tokens.expectOperator("=");
                named.put(name, expression());
            } else if (named.isEmpty()) {
                positional.add(expression());
            } else {
                throw tokens.unexpected("a named argument");
            }
            if (!tokens.atOperator(")")) {
                tokens.expectOperator(",");
            }
        }
        return new Parameters(positional, named, spread, namedSpread);
    }
}
