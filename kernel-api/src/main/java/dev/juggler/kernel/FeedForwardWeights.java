package dev.juggler.kernel;

/**
 * Weights of a dense gated feed-forward block.
 *
 * @param gate [inner, width]
 * @param up [inner, width]
 * @param down [width, inner]
 */
public record FeedForwardWeights(Tensor gate, Tensor up, Tensor down, GatedActivation activation) {}
