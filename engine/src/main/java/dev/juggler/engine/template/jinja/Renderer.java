package dev.juggler.engine.template.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Runs statements, once: it holds what one rendering has used. */
final class Renderer {
    /** How a statement ended. */
    private enum Flow {
        NEXT,
        BREAK,
        CONTINUE
    }

    private final Budget budget;
    private final Evaluator evaluator;

    Renderer(Budget budget) {
        this.budget = budget;
        this.evaluator = new Evaluator(budget);
    }

    Evaluator evaluator() {
        return evaluator;
    }

    /** Appends the text of the statements. */
    void render(List<Statement> statements, Scope scope, StringBuilder out) {
        var _ = run(statements, scope, out);
    }

    private Flow run(List<Statement> statements, Scope scope, StringBuilder out) {
        for (Statement statement : statements) {
            budget.step();
            Flow flow;
            try {
                flow = run(statement, scope, out);
            } catch (TemplateException e) {
                throw e.at(statement.line());
            }
            if (flow != Flow.NEXT) {
                return flow;
            }
        }
        return Flow.NEXT;
    }

    private Flow run(Statement statement, Scope scope, StringBuilder out) {
        switch (statement) {
            case Statement.Text text -> append(text.text(), out);
            case Statement.Output output ->
                    append(Values.text(evaluator.evaluate(output.value(), scope)), out);
            case Statement.If condition -> {
                return run(
                        evaluator.truth(condition.condition(), scope)
                                ? condition.then()
                                : condition.otherwise(),
                        scope,
                        out);
            }
            case Statement.For loop -> {
                return loop(loop, scope, out);
            }
            case Statement.Set set ->
                    assign(set.target(), evaluator.evaluate(set.value(), scope), scope);
            case Statement.SetBlock set ->
                    assign(set.target(), captured(set.body(), set.value(), scope), scope);
            case Statement.FilterBlock filter ->
                    append(Values.text(captured(filter.body(), filter.value(), scope)), out);
            case Statement.MacroDefinition macro ->
                    scope.set(
                            macro.name(),
                            new Macro(macro.name(), macro.signature(), macro.body(), scope, this));
            case Statement.CallBlock call -> append(Values.text(call(call, scope)), out);
            case Statement.With with -> {
                Scope inner = new Scope(scope);
                for (Statement.Set set : with.assignments()) {
                    assign(set.target(), evaluator.evaluate(set.value(), scope), inner);
                }
                return run(with.body(), inner, out);
            }
            case Statement.Evaluation evaluation -> {
                var _ = evaluator.evaluate(evaluation.value(), scope);
            }
            case Statement.Break _ -> {
                return Flow.BREAK;
            }
            case Statement.Continue _ -> {
                return Flow.CONTINUE;
            }
        }
        return Flow.NEXT;
    }

    private void append(String text, StringBuilder out) {
        budget.text((long) out.length() + text.length(), text.length());
        out.append(text);
    }

    private Object captured(List<Statement> body, Expression filters, Scope scope) {
        Scope inner = new Scope(scope);
        StringBuilder text = new StringBuilder();
        render(body, inner, text);
        inner.set(Statement.CAPTURED, text.toString());
        return evaluator.evaluate(filters, inner);
    }

    private Object call(Statement.CallBlock call, Scope scope) {
        Object target = evaluator.evaluate(call.call().target(), scope);
        Arguments written = evaluator.arguments(call.call().parameters(), scope);
        Map<String, Object> named = new LinkedHashMap<>(written.named());
        named.put("caller", new Macro("caller", call.signature(), call.body(), scope, this));
        return evaluator.invoke(target, new Arguments(written.positional(), named));
    }

    private Flow loop(Statement.For loop, Scope scope, StringBuilder out) {
        Object items = evaluator.evaluate(loop.items(), scope);
        loop(loop, items, 0, scope, out);
        return Flow.NEXT;
    }

    private void loop(
            Statement.For loop, Object source, int depth, Scope scope, StringBuilder out) {
        budget.enter();
        List<Object> items = chosen(loop, source, scope);
        @Nullable Callable recursion =
                loop.recursive()
                        ? (arguments, _) -> again(loop, arguments, depth + 1, scope)
                        : null;
        Loop state = new Loop(items, depth, recursion);
        for (int i = 0; i < items.size(); i++) {
            budget.step();
            state.moveTo(i);
            Scope inner = new Scope(scope);
            inner.set("loop", state);
            assign(loop.target(), items.get(i), inner);
            if (run(loop.body(), inner, out) == Flow.BREAK) {
                break;
            }
        }
        if (items.isEmpty()) {
            render(loop.otherwise(), new Scope(scope), out);
        }
        budget.leave();
    }

    private Object again(Statement.For loop, Arguments arguments, int depth, Scope scope) {
        StringBuilder out = new StringBuilder();
        loop(loop, arguments.require(0, "items"), depth, scope, out);
        return out.toString();
    }

    /** The items that the loop's own condition lets pass. */
    private List<Object> chosen(Statement.For loop, Object source, Scope scope) {
        List<Object> items = Values.items(source);
        budget.items(items.size());
        @Nullable Expression condition = loop.condition();
        if (condition == null) {
            return items;
        }
        List<Object> chosen = new ArrayList<>();
        for (Object item : items) {
            Scope inner = new Scope(scope);
            assign(loop.target(), item, inner);
            if (evaluator.truth(condition, inner)) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    private void assign(Statement.Target target, Object value, Scope scope) {
        switch (target) {
            case Statement.Target.Variable variable -> scope.set(variable.name(), value);
            case Statement.Target.Member member -> {
                if (!(scope.find(member.namespace()) instanceof Namespace namespace)) {
                    throw TemplateException.evaluation(
                            "cannot assign attribute '%s': '%s' is no namespace"
                                    .formatted(member.name(), member.namespace()));
                }
                namespace.attributes().put(member.name(), value);
            }
            case Statement.Target.Several several -> {
                List<Object> items = Values.items(value);
                int wanted = several.targets().size();
                if (items.size() != wanted) {
                    throw TemplateException.evaluation(
                            "%d values cannot be unpacked into %d variables"
                                    .formatted(items.size(), wanted));
                }
                for (int i = 0; i < wanted; i++) {
                    assign(several.targets().get(i), items.get(i), scope);
                }
            }
        }
    }
}
