package dev.juggler.engine.template.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What {@code cycler(...)} gives: its values, again and again. */
final class Cycler {
    private final List<Object> items;
    private int position;

    Cycler(List<Object> items) {
        if (items.isEmpty()) {
            throw TemplateException.evaluation("at least one item has to be provided");
        }
        this.items = items;
    }

    @Nullable Object attribute(String name) {
        return switch (name) {
            case "current" -> items.get(position);
            case "next" -> (Callable) (_, _) -> next();
            case "reset" -> (Callable) (_, _) -> reset();
            default -> null;
        };
    }

    private Object next() {
        Object item = items.get(position);
        position = (position + 1) % items.size();
        return item;
    }

    private Object reset() {
        position = 0;
        return None.NONE;
    }
}
