package dev.juggler.engine.template.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A macro, or the body of a {@code call} block: called, it gives the text of its body. */
record Macro(
        String name,
        Statement.Signature signature,
        List<Statement> body,
        Scope definedIn,
        Renderer renderer)
        implements Callable {
    @Override
    public Object call(Arguments arguments, Budget budget) {
        budget.enter();
        Scope scope = new Scope(definedIn);
        Map<String, Object> rest = new LinkedHashMap<>(arguments.named());
        List<String> names = signature.names();
        for (int i = 0; i < names.size(); i++) {
            String parameter = names.get(i);
            @Nullable Object given = rest.remove(parameter);
            if (i < arguments.positional().size()) {
                given = arguments.positional().get(i);
            }
            scope.set(parameter, given == null ? missing(i, scope) : given);
        }
        @Nullable Object caller = rest.remove("caller");
        if (caller != null && !names.contains("caller")) {
            scope.set("caller", caller);
        }
        int taken = Math.min(names.size(), arguments.positional().size());
        scope.set("varargs", new Tuple(arguments.skip(taken).positional(), List.of()));
        scope.set("kwargs", new LinkedHashMap<Object, Object>(rest));
        StringBuilder out = new StringBuilder();
        renderer.render(body, scope, out);
        budget.leave();
        return out.toString();
    }

    private Object missing(int index, Scope scope) {
        int firstDefault = signature.names().size() - signature.defaults().size();
        return index < firstDefault
                ? new Undefined("parameter '" + signature.names().get(index) + "' was not provided")
                : renderer.evaluator()
                        .evaluate(signature.defaults().get(index - firstDefault), scope);
    }

    @Nullable Object attribute(String attribute) {
        return switch (attribute) {
            case "name" -> name;
            case "arguments" -> new Tuple(new ArrayList<>(signature.names()), List.of());
            default -> null;
        };
    }
}
