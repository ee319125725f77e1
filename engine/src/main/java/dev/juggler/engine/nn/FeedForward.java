package dev.juggler.engine.nn;

import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;

/** A dense gated feed-forward block. */
public record FeedForward(FeedForwardWeights weights) implements FeedForwardBlock {
    @Override
    public void forward(Tensor out, Tensor x, Workspace workspace, Kernels kernels) {
        kernels.feedForward(out, x, weights, workspace);
    }
}
