package dev.juggler.engine.template.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The values that something is called with.
 *
 * @param positional in order
 * @param named by name, in order
 */
record Arguments(List<Object> positional, Map<String, Object> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());

    static Arguments of(Object... positional) {
        return new Arguments(List.of(positional), Map.of());
    }

    /** The argument at this place or with this name, or null. */
    @Nullable Object find(int index, String name) {
        return index < positional.size() ? positional.get(index) : named.get(name);
    }

    Object get(int index, String name, Object otherwise) {
        @Nullable Object found = find(index, name);
        return found == null ? otherwise : found;
    }

    Object require(int index, String name) {
        @Nullable Object found = find(index, name);
        if (found == null) {
            throw TemplateException.evaluation("missing argument '" + name + "'");
        }
        return found;
    }

    String text(int index, String name, String otherwise) {
        return Values.requireText(get(index, name, otherwise), name);
    }

    long integer(int index, String name, long otherwise) {
        return Values.requireInteger(get(index, name, otherwise));
    }

    boolean flag(int index, String name, boolean otherwise) {
        return Values.truth(get(index, name, otherwise));
    }

    /** These without the first positional ones. */
    Arguments skip(int count) {
        return new Arguments(positional.subList(count, positional.size()), named);
    }
}
