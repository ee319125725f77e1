package dev.juggler.engine.template.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What writes text or changes variables. {@code line} is where it begins, from 1. */
sealed interface Statement {
    int line();

    record Text(String text, int line) implements Statement {}

    record Output(Expression value, int line) implements Statement {}

    record If(Expression condition, List<Statement> then, List<Statement> otherwise, int line)
            implements Statement {}

    record For(
            Target target,
            Expression items,
            @Nullable Expression condition,
            boolean recursive,
            List<Statement> body,
            List<Statement> otherwise,
            int line)
            implements Statement {}

    record Set(Target target, Expression value, int line) implements Statement {}

    /** A {@code set} block; its filters apply to {@link #CAPTURED}. */
    record SetBlock(Target target, List<Statement> body, Expression value, int line)
            implements Statement {}

    record FilterBlock(List<Statement> body, Expression value, int line) implements Statement {}

    record MacroDefinition(String name, Signature signature, List<Statement> body, int line)
            implements Statement {}

    record CallBlock(Expression.Call call, Signature signature, List<Statement> body, int line)
            implements Statement {}

    record With(List<Set> assignments, List<Statement> body, int line) implements Statement {}

    record Evaluation(Expression value, int line) implements Statement {}

    record Break(int line) implements Statement {}

    record Continue(int line) implements Statement {}

    /** The variable that holds the text of a block while its filters run. */
    String CAPTURED = "the text of this block";

    /** Parameters of a macro; the last ones have defaults. */
    record Signature(List<String> names, List<Expression> defaults) {
        static final Signature NONE = new Signature(List.of(), List.of());
    }

    /** What is assigned to. */
    sealed interface Target {
        record Variable(String name) implements Target {}

        record Member(String namespace, String name) implements Target {}

        record Several(List<Target> targets) implements Target {}
    }
}
