package dev.juggler.engine.architecture;

import dev.juggler.engine.placement.Role;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The weights of one layer. Names are written in full, with {@code %d} where the layer's number
 * stands.
 */
record LayerWeights(WeightSource weights, int layer) {
    boolean has(String name) {
        return weights.has(full(name));
    }

    /**
     * Leaves out a tensor, if the file has it.
     *
     * @param reason why the model says the same without it
     */
    void ignore(String name, String reason) {
        weights.ignore(full(name), reason);
    }

    /** [rows, columns]. */
    Tensor matrix(String name, Role role, int rows, int columns) {
        return take(name, role, Shape.matrix(rows, columns), 0, false);
    }

    /** [count, rows, columns], one matrix for each head. */
    Tensor heads(String name, Role role, int count, int rows, int columns) {
        return take(name, role, new Shape(count, rows, columns), 0, false);
    }

    /** [experts, rows, columns], one matrix for each expert. */
    Tensor experts(String name, int experts, int rows, int columns) {
        return take(name, Role.EXPERTS, new Shape(experts, rows, columns), experts, false);
    }

    /** F32 [experts, width], one row for each expert. */
    Tensor expertBiases(String name, int experts, int width) {
        return take(name, Role.EXPERTS, Shape.matrix(experts, width), experts, true);
    }

    /** F32 [1, width]. */
    Tensor vector(String name, Role role, int width) {
        return take(name, role, Shape.matrix(1, width), 0, true);
    }

    /** F32 [1, width], or null where the file has none. */
    @Nullable Tensor vectorIfPresent(String name, Role role, int width) {
        return has(name) ? vector(name, role, width) : null;
    }

    /** Not by {@code formatted}: a young JVM takes a tenth of a millisecond for each name then. */
    private String full(String name) {
        return name.replace("%d", String.valueOf(layer));
    }

    private Tensor take(String name, Role role, Shape shape, int experts, boolean plain) {
        return weights.take(new WeightRequest(full(name), role, layer, shape, experts, plain));
    }
}
