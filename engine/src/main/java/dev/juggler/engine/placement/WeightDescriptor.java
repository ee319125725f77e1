package dev.juggler.engine.placement;

import dev.juggler.kernel.DType;
import org.jspecify.annotations.Nullable;

/**
 * A weight as placement sees it, known from a model's tables before its data are read.
 *
 * <p>Tied embeddings are one tensor with two roles: two descriptors of the same name.
 *
 * @param name name of the tensor in the file
 * @param role what it is for
 * @param layer the layer it belongs to, from 0, or {@link #NO_LAYER}
 * @param moeLayer whether that layer has routed experts
 * @param dtype element type
 * @param bytes size of the whole tensor; of a stack, the same for each expert
 * @param experts how many experts are stacked in it, or 0 if it is no stack
 */
public record WeightDescriptor(
        String name, Role role, int layer, boolean moeLayer, DType dtype, long bytes, int experts) {
    /** The layer of weights outside of all layers. */
    public static final int NO_LAYER = -1;

    public WeightDescriptor {
        boolean uneven = experts > 0 && bytes % experts != 0;
        if (layer < NO_LAYER || bytes < 0 || experts < 0 || uneven) {
            throw new IllegalArgumentException(
                    "weight %s: layer %d, %d bytes, %d experts"
                            .formatted(name, layer, bytes, experts));
        }
    }

    // Written out, since the JVM makes those of a record while it starts, which takes 20 ms.

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof WeightDescriptor that
                && name.equals(that.name)
                && role == that.role
                && layer == that.layer
                && moeLayer == that.moeLayer
                && dtype == that.dtype
                && bytes == that.bytes
                && experts == that.experts;
    }

    @Override
    public int hashCode() {
        return 31 * name.hashCode() + role.hashCode();
    }
}
