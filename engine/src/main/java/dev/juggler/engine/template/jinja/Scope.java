package dev.juggler.engine.template.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Variables of a block; what it lacks is looked up in the block around it. */
final class Scope {
    private final @Nullable Scope outer;
    private final Map<String, Object> variables = new HashMap<>();

    Scope(@Nullable Scope outer) {
        this.outer = outer;
    }

    void set(String name, Object value) {
        variables.put(name, value);
    }

    /** The value, or null if no block has it. */
    @Nullable Object find(String name) {
        for (@Nullable Scope scope = this; scope != null; scope = scope.outer) {
            @Nullable Object value = scope.variables.get(name);
            if (value != null) {
                return value;
            }
        }
        return null;
    }
}
