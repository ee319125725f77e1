package dev.juggler.engine.device;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Kernels that compute nothing and take from the workspace what the fused steps take by their
 * definition: with a {@link WorkspaceMeter} they tell what a step needs.
 *
 * @param splitExperts whether experts are spread over devices, which takes a little more
 * @param deferring whether some come one layer later, likewise
 */
record NoKernels(boolean splitExperts, boolean deferring) implements Kernels {
    @Override
    public Set<DType> weightTypes() {
        return EnumSet.allOf(DType.class);
    }

    @Override
    public Set<DType> kvTypes() {
        return EnumSet.allOf(DType.class);
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        long mark = workspace.mark();
        if (splitExperts) {
            workspace.take(DType.I32, ids.rows(), ids.columns());
            workspace.take(out.rows(), out.columns());
        }
        if (deferring) {
            workspace.take(DType.I32, ids.rows(), ids.columns());
        }
        Kernels.super.experts(out, x, ids, routeWeights, weights, workspace);
        workspace.release(mark);
    }

    /** As {@link PlacedKernels} does it, which takes the most. */
    @Override
    public void mixtureBesideShared(
            Tensor out,
            Tensor shared,
            Tensor x,
            FeedForwardWeights sharedWeights,
            RouterWeights router,
            ExpertWeights weights,
            Workspace workspace) {
        long mark = workspace.mark();
        int used = router.routing().used();
        workspace.take(x.rows(), router.weight().rows());
        Tensor ids = workspace.take(DType.I32, x.rows(), used);
        Tensor routeWeights = workspace.take(x.rows(), used);
        feedForward(shared, x, sharedWeights, workspace);
        experts(out, x, ids, routeWeights, weights, workspace);
        workspace.release(mark);
    }

    @Override
    public void embed(Tensor out, Tensor table, Tensor ids) {}

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {}

    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {}

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {}

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {}

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {}

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {}

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {}

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {}

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {}

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {}

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {}

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {}

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {}

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {}

    @Override
    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {}

    @Override
    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {}

    @Override
    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {}

    @Override
    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {}
}
