package dev.juggler.engine.architecture;

import dev.juggler.engine.model.ModelException;
import dev.juggler.kernel.Tensor;

/**
 * Where an architecture gets its weights from. What stands behind it may load them, or only note
 * what would be loaded. Every weight of a file must be taken or ignored: one that is left over
 * means that the model is not what the architecture takes it for.
 */
public interface WeightSource {
    /** Whether the file has a tensor of this name. */
    boolean has(String name);

    /**
     * Rows of a matrix whose extent only the file knows, such as the vocabulary.
     *
     * @throws ModelException if there is no such tensor
     */
    int rows(String name);

    /**
     * A weight.
     *
     * @throws ModelException if it is missing, has another shape, or a type that its use or its
     *     device does not take
     */
    Tensor take(WeightRequest request);

    /**
     * Values that the architecture itself computes with when it is loaded.
     *
     * @throws ModelException if it is missing, has another length, or is not F32
     */
    float[] values(String name, int length);

    /**
     * Leaves out all tensors whose name starts with {@code prefix}.
     *
     * @param reason why the model says the same without them
     */
    void ignore(String prefix, String reason);
}
