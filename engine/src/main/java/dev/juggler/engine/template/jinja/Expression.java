package dev.juggler.engine.template.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What has a value. */
sealed interface Expression {
    record Literal(Object value) implements Expression {}

    record Name(String name) implements Expression {}

    record ListOf(List<Expression> items) implements Expression {}

    record TupleOf(List<Expression> items) implements Expression {}

    record DictOf(List<Pair> pairs) implements Expression {}

    /** A key and its value in a dictionary. */
    record Pair(Expression key, Expression value) {}

    record Attribute(Expression target, String name) implements Expression {}

    record Item(Expression target, Expression index) implements Expression {}

    record Slice(
            Expression target,
            @Nullable Expression start,
            @Nullable Expression stop,
            @Nullable Expression step)
            implements Expression {}

    record Call(Expression target, Parameters parameters) implements Expression {}

    record Filter(Expression target, String name, Parameters parameters) implements Expression {}

    record Test(Expression target, String name, Parameters parameters) implements Expression {}

    record Not(Expression operand) implements Expression {}

    record Sign(Expression operand, boolean negative) implements Expression {}

    record And(Expression left, Expression right) implements Expression {}

    record Or(Expression left, Expression right) implements Expression {}

    /** {@code + - * / // % **}. */
    record Arithmetic(String operator, Expression left, Expression right) implements Expression {}

    /** {@code ~}: all as text, one after the other. */
    record Concatenation(List<Expression> parts) implements Expression {}

    /** {@code a < b <= c}: every neighbouring pair holds. */
    record Comparison(Expression first, List<Operand> operands) implements Expression {}

    /** An operator ({@code == != < <= > >= in}, {@code not in}) and what is right of it. */
    record Operand(String operator, Expression right) {}

    record Conditional(Expression condition, Expression chosen, @Nullable Expression otherwise)
            implements Expression {}

    /** Arguments as they are written; {@code *spread} and {@code **namedSpread} may follow. */
    record Parameters(
            List<Expression> positional,
            Map<String, Expression> named,
            @Nullable Expression spread,
            @Nullable Expression namedSpread) {
        static final Parameters NONE = new Parameters(List.of(), Map.of(), null, null);
    }
}
