package dev.juggler.engine.template.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The variable {@code loop} of a {@code for} block. Called, a recursive one runs its body again.
 */
final class Loop implements Callable {
    private final List<Object> items;
    private final int depth;
    private final @Nullable Callable recursion;
    private int index;
    private @Nullable List<Object> lastChanged;

    Loop(List<Object> items, int depth, @Nullable Callable recursion) {
        this.items = items;
        this.depth = depth;
        this.recursion = recursion;
    }

    void moveTo(int newIndex) {
        index = newIndex;
    }

    @Nullable Object attribute(String name) {
        return switch (name) {
            case "index" -> index + 1L;
            case "index0" -> (long) index;
            case "revindex" -> (long) items.size() - index;
            case "revindex0" -> items.size() - index - 1L;
            case "first" -> index == 0;
            case "last" -> index == items.size() - 1;
            case "length" -> (long) items.size();
            case "depth" -> depth + 1L;
            case "depth0" -> (long) depth;
            case "previtem" ->
                    index > 0 ? items.get(index - 1) : new Undefined("there is no previous item");
            case "nextitem" ->
                    index + 1 < items.size()
                            ? items.get(index + 1)
                            : new Undefined("there is no next item");
            case "cycle" -> (Callable) this::cycle;
            case "changed" -> (Callable) this::changed;
            default -> null;
        };
    }

    private Object cycle(Arguments arguments, Budget budget) {
        if (arguments.positional().isEmpty()) {
            throw TemplateException.evaluation("no items for cycling given");
        }
        return arguments.positional().get(index % arguments.positional().size());
    }

    private Object changed(Arguments arguments, Budget budget) {
        boolean same =
                lastChanged != null && Comparisons.equal(lastChanged, arguments.positional());
        lastChanged = arguments.positional();
        return !same;
    }

    @Override
    public Object call(Arguments arguments, Budget budget) {
        if (recursion == null) {
            throw TemplateException.evaluation(
                    "loop() needs a loop that is marked as recursive: {% for ... recursive %}");
        }
        return recursion.call(arguments, budget);
    }
}
