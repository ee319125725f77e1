package dev.juggler.engine.template.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Computes the values of expressions. */
final class Evaluator {
    private final Budget budget;

    Evaluator(Budget budget) {
        this.budget = budget;
    }

    Object evaluate(Expression expression, Scope scope) {
        budget.step();
        budget.enter();
        Object value =
                switch (expression) {
                    case Expression.Literal literal -> literal.value();
                    case Expression.Name name -> variable(name.name(), scope);
                    case Expression.ListOf list -> all(list.items(), scope);
                    case Expression.TupleOf tuple ->
                            new Tuple(all(tuple.items(), scope), List.of());
                    case Expression.DictOf dict -> dictionary(dict, scope);
                    case Expression.Attribute attribute ->
                            Attributes.attribute(
                                    evaluate(attribute.target(), scope), attribute.name());
                    case Expression.Item item ->
                            Attributes.item(
                                    evaluate(item.target(), scope), evaluate(item.index(), scope));
                    case Expression.Slice slice -> slice(slice, scope);
                    case Expression.Call call -> call(call, scope);
                    case Expression.Filter filter ->
                            Filters.apply(
                                    filter.name(),
                                    evaluate(filter.target(), scope),
                                    arguments(filter.parameters(), scope),
                                    budget);
                    case Expression.Test test ->
                            Tests.holds(
                                    test.name(),
                                    evaluate(test.target(), scope),
                                    arguments(test.parameters(), scope));
                    case Expression.Not not -> !truth(not.operand(), scope);
                    case Expression.Sign sign -> sign(sign, scope);
                    case Expression.And and -> {
                        Object left = evaluate(and.left(), scope);
                        yield Values.truth(left) ? evaluate(and.right(), scope) : left;
                    }
                    case Expression.Or or -> {
                        Object left = evaluate(or.left(), scope);
                        yield Values.truth(left) ? left : evaluate(or.right(), scope);
                    }
                    case Expression.Arithmetic arithmetic ->
                            Numbers.apply(
                                    arithmetic.operator(),
                                    evaluate(arithmetic.left(), scope),
                                    evaluate(arithmetic.right(), scope),
                                    budget);
                    case Expression.Concatenation concatenation ->
                            concatenation(concatenation, scope);
                    case Expression.Comparison comparison -> comparison(comparison, scope);
                    case Expression.Conditional conditional -> conditional(conditional, scope);
                };
        budget.leave();
        return value;
    }

    boolean truth(Expression expression, Scope scope) {
        return Values.truth(evaluate(expression, scope));
    }

    private static Object variable(String name, Scope scope) {
        @Nullable Object value = scope.find(name);
        return value == null ? Undefined.variable(name) : value;
    }

    private List<Object> all(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>();
        for (Expression expression : expressions) {
            values.add(evaluate(expression, scope));
        }
        return values;
    }

    private Map<Object, Object> dictionary(Expression.DictOf dict, Scope scope) {
        Map<Object, Object> values = new LinkedHashMap<>();
        for (Expression.Pair pair : dict.pairs()) {
            Object key = Values.key(evaluate(pair.key(), scope));
            values.put(key, evaluate(pair.value(), scope));
        }
        return values;
    }

    private Object slice(Expression.Slice slice, Scope scope) {
        Object target = evaluate(slice.target(), scope);
        Object result =
                Sequencing.slice(
                        target,
                        bound(slice.start(), scope),
                        bound(slice.stop(), scope),
                        bound(slice.step(), scope));
        if (result instanceof String text) {
            budget.text(text.length());
        } else {
            budget.items(Values.length(result));
        }
        return result;
    }

    private @Nullable Long bound(@Nullable Expression expression, Scope scope) {
        if (expression == null) {
            return null;
        }
        Object value = evaluate(expression, scope);
        return value == None.NONE ? null : (Long) Values.requireInteger(value);
    }

    private Object sign(Expression.Sign sign, Scope scope) {
        Object value = evaluate(sign.operand(), scope);
        return sign.negative() ? Numbers.negate(value) : Numbers.negate(Numbers.negate(value));
    }

    private String concatenation(Expression.Concatenation concatenation, Scope scope) {
        StringBuilder text = new StringBuilder();
        for (Expression part : concatenation.parts()) {
            text.append(Values.text(evaluate(part, scope)));
            budget.text(text.length());
        }
        return text.toString();
    }

    private boolean comparison(Expression.Comparison comparison, Scope scope) {
        Object left = evaluate(comparison.first(), scope);
        for (Expression.Operand operand : comparison.operands()) {
            Object right = evaluate(operand.right(), scope);
            if (!Comparisons.holds(operand.operator(), left, right)) {
                return false;
            }
            left = right;
        }
        return true;
    }

    private Object conditional(Expression.Conditional conditional, Scope scope) {
        if (truth(conditional.condition(), scope)) {
            return evaluate(conditional.chosen(), scope);
        }
        @Nullable Expression otherwise = conditional.otherwise();
        return otherwise == null
                ? new Undefined("the inline if-expression evaluated to false and has no else")
                : evaluate(otherwise, scope);
    }

    private Object call(Expression.Call call, Scope scope) {
        Object target = evaluate(call.target(), scope);
        return invoke(target, arguments(call.parameters(), scope));
    }

    /** Calls a value. */
    Object invoke(Object target, Arguments arguments) {
        if (target instanceof Undefined undefined) {
            throw undefined.failure();
        }
        if (!(target instanceof Callable callable)) {
            throw TemplateException.evaluation(
                    "'" + Values.typeName(target) + "' object is not callable");
        }
        return callable.call(arguments, budget);
    }

    Arguments arguments(Expression.Parameters parameters, Scope scope) {
        List<Object> positional = all(parameters.positional(), scope);
        if (parameters.spread() != null) {
            positional.addAll(Values.items(evaluate(parameters.spread(), scope)));
        }
        Map<String, Object> named = new LinkedHashMap<>();
        parameters.named().forEach((name, value) -> named.put(name, evaluate(value, scope)));
        if (parameters.namedSpread() != null) {
            Object spread = evaluate(parameters.namedSpread(), scope);
            if (!(spread instanceof Map<?, ?> map)) {
                throw TemplateException.evaluation(
                        "argument after ** must be a mapping, not " + Values.typeName(spread));
            }
            map.forEach((name, value) -> named.put(Values.text(name), value));
        }
        return new Arguments(positional, named);
    }
}
