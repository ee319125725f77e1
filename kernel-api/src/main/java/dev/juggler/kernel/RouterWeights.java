package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/**
 * The router of one mixture-of-experts layer.
 *
 * @param weight [experts, width]
 * @param bias F32 [1, experts] added to the logits, or null
 */
public record RouterWeights(Tensor weight, @Nullable Tensor bias, Routing routing) {}
