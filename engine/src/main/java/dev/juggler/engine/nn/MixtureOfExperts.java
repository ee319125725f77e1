package dev.juggler.engine.nn;

import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import org.jspecify.annotations.Nullable;

/**
 * Experts of which a router chooses a few for each row, and perhaps one that every row is sent to.
 *
 * @param shared the expert that all rows are sent to, or null
 * @param sharedGate [1, width]: the shared expert's share is the sigmoid of this product; null for
 *     all of it
 */
public record MixtureOfExperts(
        RouterWeights router,
        ExpertWeights experts,
        @Nullable FeedForwardWeights shared,
        @Nullable Tensor sharedGate)
        implements FeedForwardBlock {

    @Override
    public void forward(Tensor out, Tensor x, Workspace workspace, Kernels kernels) {
        if (shared == null) {
            kernels.mixtureOfExperts(out, x, router, experts, workspace);
            return;
        }
        long mark = workspace.mark();
        Tensor all = workspace.take(out.rows(), out.columns());
        kernels.mixtureBesideShared(out, all, x, shared, router, experts, workspace);
        if (sharedGate == null) {
            kernels.add(out, out, all);
        } else {
            Tensor scores = workspace.take(x.rows(), 1);
            kernels.matmul(scores, x, sharedGate);
            kernels.addSigmoidScaled(out, all, scores);
        }
        workspace.release(mark);
    }
}
