package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/**
 * Stacked weights of the experts of one layer.
 *
 * @param gate [experts, inner, width]
 * @param up [experts, inner, width]
 * @param down [experts, width, inner]
 * @param gateBias F32 [experts, inner] or null
 * @param upBias F32 [experts, inner] or null
 * @param downBias F32 [experts, width] or null
 */
public record ExpertWeights(
        Tensor gate,
        Tensor up,
        Tensor down,
        @Nullable Tensor gateBias,
        @Nullable Tensor upBias,
        @Nullable Tensor downBias,
        GatedActivation activation) {

    /** Experts without biases. */
    public ExpertWeights(Tensor gate, Tensor up, Tensor down, GatedActivation activation) {
        this(gate, up, down, null, null, null, activation);
    }
}
