package dev.juggler.kernel;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Kernels that hand each operation on to other kernels: the base of those that look at a few
 * operations and leave the rest as it is. A whole mixture of experts is taken apart into its
 * router, its choice and {@link #experts}, so that these pass here one by one; all other fused
 * steps are the other kernels' own. So {@link #chooseExperts} is not handed on either.
 */
public abstract class ForwardingKernels implements Kernels {
    private final Kernels kernels;

    /**
     * @param kernels what computes
     */
    protected ForwardingKernels(Kernels kernels) {
        this.kernels = kernels;
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        kernels.experts(out, x, ids, routeWeights, weights, workspace);
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        kernels.feedForward(out, x, weights, workspace);
    }

    @Override
    public void project(
            Tensor q,
            Tensor x,
            ProjectionWeights weights,
            Tensor positions,
            KvPages kv,
            Tensor slots,
            Workspace workspace) {
        kernels.project(q, x, weights, positions, kv, slots, workspace);
    }

    @Override
    public void addRmsNorm(
            Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        kernels.addRmsNorm(out, sum, a, b, weight, epsilon);
    }

    @Override
    public Set<DType> weightTypes() {
        return kernels.weightTypes();
    }

    @Override
    public Set<DType> kvTypes() {
        return kernels.kvTypes();
    }

    @Override
    public void embed(Tensor out, Tensor table, Tensor ids) {
        kernels.embed(out, table, ids);
    }

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {
        kernels.matmul(out, x, weight);
    }

    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        kernels.matmulByExpert(out, x, stack, ids);
    }

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        kernels.addByExpert(x, biases, ids);
    }

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        kernels.route(ids, weights, logits, routing);
    }

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        kernels.combineExperts(out, y, weights, ids);
    }

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        kernels.rmsNorm(out, x, weight, epsilon);
    }

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        kernels.rope(x, positions, plan);
    }

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        kernels.appendKv(kv, keys, values, slots);
    }

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        kernels.attention(out, q, kv, plan, layout);
    }

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {
        kernels.gate(out, gate, up, activation);
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        kernels.add(out, a, b);
    }

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        kernels.addSigmoidScaled(out, x, scores);
    }

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        kernels.gatherRows(out, x, ids);
    }

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {
        kernels.copyColumns(out, x, from);
    }

    @Override
    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        kernels.pasteColumns(out, to, x, from, columns);
    }

    @Override
    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        kernels.matmulByHead(out, x, stack, first);
    }

    @Override
    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        kernels.matmulByHeadTransposed(out, x, stack, first);
    }

    @Override
    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        kernels.readKeys(out, kv, layout);
    }
}
