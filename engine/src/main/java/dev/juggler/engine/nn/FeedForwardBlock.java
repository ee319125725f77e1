package dev.juggler.engine.nn;

import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;

/** The half of a layer that looks at each position by itself. */
public interface FeedForwardBlock {
    /**
     * Computes the block.
     *
     * @param out [rows, width]
     * @param x [rows, width], normed
     */
    void forward(Tensor out, Tensor x, Workspace workspace, Kernels kernels);
}
