package dev.juggler.engine.nn;

import dev.juggler.kernel.Tensor;

/**
 * One layer of a decoder.
 *
 * @param attentionNorm F32 [1, width]
 * @param feedForwardNorm F32 [1, width]
 */
public record DecoderLayer(
        Tensor attentionNorm,
        AttentionBlock attention,
        Tensor feedForwardNorm,
        FeedForwardBlock feedForward) {}
