package dev.juggler.backend.cuda;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.FusedContract;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.KernelContract;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import dev.juggler.kernel.quant.BlockFormats;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The operations on one GPU. Each checks its arguments and enqueues launches; nothing waits. What
 * only the device knows is not checked: an id that is no row reads zeros.
 */
final class CudaKernels implements Kernels {
    private static final Set<DType> WEIGHT_TYPES = BlockFormats.types();
    private static final Set<DType> KV_TYPES =
            Collections.unmodifiableSet(EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0));

    private final KernelContract contract =
            new KernelContract(CudaBackendProvider.NAME, WEIGHT_TYPES, KV_TYPES);
    private final FusedContract fused = new FusedContract(CudaBackendProvider.NAME, WEIGHT_TYPES);
    private final Card card;
    private final RowOperations rows;
    private final Rotations rotations;
    private final Products products;
    private final FeedForwards feedForwards;
    private final HeadProjections projections;
    private final AttentionCalls attention;

    CudaKernels(Card card) {
        this.card = card;
        Rounding rounding = new Rounding(card);
        rows = new RowOperations(card);
        rotations = new Rotations(card);
        products = new Products(card, rounding);
        feedForwards = new FeedForwards(card, products, rounding, rows);
        projections = new HeadProjections(card, products, rotations);
        attention = new AttentionCalls(card);
    }

    /** Enqueues one operation. */
    private void enqueue(Runnable operation) {
        card.lock.lock();
        try {
            operation.run();
            card.queue.operationEnds();
        } finally {
            card.lock.unlock();
        }
    }

    @Override
    public Set<DType> weightTypes() {
        return WEIGHT_TYPES;
    }

    @Override
    public Set<DType> kvTypes() {
        return KV_TYPES;
    }

    @Override
    public void embed(Tensor out, Tensor table, Tensor ids) {
        contract.embed(out, table, ids);
        enqueue(() -> rows.embed(out, table, ids));
    }

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {
        contract.matmul(out, x, weight);
        enqueue(() -> products.matmul(out, x, weight));
    }

    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        contract.matmulByExpert(out, x, stack, ids);
        enqueue(() -> products.matmulByExpert(out, x, stack, ids));
    }

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        contract.addByExpert(x, biases, ids);
        enqueue(() -> rows.addByExpert(x, biases, ids));
    }

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        contract.route(ids, weights, logits, routing);
        enqueue(() -> rows.route(ids, weights, logits, routing));
    }

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        contract.combineExperts(out, y, weights, ids);
        enqueue(() -> rows.combineExperts(out, y, weights, ids));
    }

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        contract.rmsNorm(out, x, weight);
        enqueue(() -> rows.rmsNorm(out, x, weight, epsilon));
    }

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        contract.rope(x, positions, plan);
        enqueue(() -> rotations.rope(x, positions, plan));
    }

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        contract.appendKv(kv, keys, values, slots);
        enqueue(() -> attention.append(kv, keys, values, slots));
    }

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        contract.attention(out, q, kv, plan, layout);
        enqueue(() -> attention.attention(out, q, kv, plan, layout));
    }

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {
        contract.gate(out, gate, up);
        enqueue(() -> rows.gate(out, gate, up, activation));
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        contract.add(out, a, b);
        enqueue(() -> rows.add(out, a, b));
    }

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        contract.addSigmoidScaled(out, x, scores);
        enqueue(() -> rows.addSigmoidScaled(out, x, scores));
    }

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        contract.gatherRows(out, x, ids);
        enqueue(() -> rows.gatherRows(out, x, ids));
    }

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {
        contract.copyColumns(out, x, from);
        enqueue(() -> rows.pasteColumns(out, 0, x, from, out.columns()));
    }

    @Override
    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        contract.pasteColumns(out, to, x, from, columns);
        enqueue(() -> rows.pasteColumns(out, to, x, from, columns));
    }

    @Override
    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHead(out, x, stack, first);
        enqueue(() -> products.matmulByHead(out, x, stack, first));
    }

    @Override
    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHeadTransposed(out, x, stack, first);
        enqueue(() -> products.matmulByHeadTransposed(out, x, stack, first));
    }

    @Override
    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        contract.readKeys(out, kv, layout);
        enqueue(() -> attention.readKeys(out, kv, layout));
    }

    @Override
    public void addRmsNorm(
            Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        contract.add(sum, a, b);
        contract.rmsNorm(out, sum, weight);
        enqueue(() -> rows.addRmsNorm(out, sum, a, b, weight, epsilon));
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
        if (!HeadProjections.takes(weights, kv) || !KV_TYPES.contains(kv.keys().dtype())) {
            Kernels.super.project(q, x, weights, positions, kv, slots, workspace);
            return;
        }
        fused.project(q, x, weights, positions, kv, slots);
        enqueue(() -> projections.project(q, x, weights, positions, kv, slots, workspace));
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        fused.feedForward(out, x, weights);
        enqueue(() -> feedForwards.feedForward(out, x, weights, workspace));
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        fused.experts(out, x, ids, routeWeights, weights);
        enqueue(() -> feedForwards.experts(out, x, ids, routeWeights, weights, workspace));
    }
}
