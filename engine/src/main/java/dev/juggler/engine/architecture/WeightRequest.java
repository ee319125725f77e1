package dev.juggler.engine.architecture;

import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.Shape;

/**
 * A weight that an architecture asks for.
 *
 * @param name of the tensor in the file
 * @param layer from 0, or {@link WeightDescriptor#NO_LAYER}
 * @param shape what it must have; a vector is a matrix of one row
 * @param experts experts that it is a stack for, 0 if it is none: matrices of the stack, or rows of
 *     stacked biases
 * @param plain whether operations take it as F32 only (a norm, a bias, sinks); else it may have any
 *     type that its device multiplies with
 */
public record WeightRequest(
        String name, Role role, int layer, Shape shape, int experts, boolean plain) {

    /** A matrix outside of the layers. */
    static WeightRequest matrix(String name, Role role, Shape shape) {
        return new WeightRequest(name, role, WeightDescriptor.NO_LAYER, shape, 0, false);
    }

    /** A vector outside of the layers. */
    static WeightRequest vector(String name, Role role, int width) {
        return new WeightRequest(
                name, role, WeightDescriptor.NO_LAYER, Shape.matrix(1, width), 0, true);
    }
}
