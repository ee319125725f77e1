package dev.juggler.backend.cpusimd;

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
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The operations of the CPU backend: checks the arguments and hands them on. Each operation object
 * keeps the memory of its last call, so a repeated step allocates nothing.
 */
final class CpuSimdKernels implements Kernels {
    private static final Set<DType> KV_TYPES =
            Collections.unmodifiableSet(EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0));

    private final Set<DType> weightTypes;
    private final KernelContract contract;
    private final FusedContract fusedContract;
    private final Products products;
    private final HeadProduct headProduct;
    private final KeyReading keyReading;
    private final Attention attention;
    private final Norms norms;
    private final Elementwise elementwise;
    private final Moves moves;
    private final Rotations rotations;
    private final Router router;

    CpuSimdKernels(KernelContext context, Products products) {
        this.products = products;
        weightTypes = Collections.unmodifiableSet(EnumSet.copyOf(context.matrix().weightTypes()));
        contract = new KernelContract(CpuSimdBackendProvider.NAME, weightTypes, KV_TYPES);
        fusedContract = new FusedContract(CpuSimdBackendProvider.NAME, weightTypes);
        headProduct = new HeadProduct(context);
        keyReading = new KeyReading(context);
        attention = new Attention(context);
        norms = new Norms(context);
        elementwise = new Elementwise(context);
        moves = new Moves(context);
        rotations = new Rotations(context);
        router = new Router(context);
    }

    @Override
    public Set<DType> weightTypes() {
        return weightTypes;
    }

    @Override
    public Set<DType> kvTypes() {
        return KV_TYPES;
    }

    @Override
    public void embed(Tensor out, Tensor table, Tensor ids) {
        contract.embed(out, table, ids);
        moves.pick("embed", out, table, ids);
    }

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {
        contract.matmul(out, x, weight);
        products.multiply(out, x, weight);
    }

    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        contract.matmulByExpert(out, x, stack, ids);
        products.multiplyByExpert(out, x, stack, ids);
    }

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        contract.addByExpert(x, biases, ids);
        elementwise.addByExpert(x, biases, ids);
    }

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        contract.route(ids, weights, logits, routing);
        router.route(ids, weights, logits, routing);
    }

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        contract.combineExperts(out, y, weights, ids);
        elementwise.combine(out, y, weights, ids);
    }

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        contract.rmsNorm(out, x, weight);
        norms.norm(out, x, weight, epsilon);
    }

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        contract.rope(x, positions, plan);
        rotations.rotate(x, positions, plan);
    }

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        contract.appendKv(kv, keys, values, slots);
        moves.append(kv, keys, values, slots);
    }

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        contract.attention(out, q, kv, plan, layout);
        attention.run(out, q, kv, plan, layout);
    }

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {
        contract.gate(out, gate, up);
        elementwise.gate(out, gate, up, activation);
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        contract.add(out, a, b);
        elementwise.add(out, a, b);
    }

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        contract.addSigmoidScaled(out, x, scores);
        elementwise.addSigmoidScaled(out, x, scores);
    }

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        contract.gatherRows(out, x, ids);
        moves.pick("gatherRows", out, x, ids);
    }

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {
        contract.copyColumns(out, x, from);
        moves.copyColumns(out, x, from);
    }

    @Override
    public void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        contract.pasteColumns(out, to, x, from, columns);
        moves.pasteColumns(out, to, x, from, columns);
    }

    @Override
    public void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHead(out, x, stack, first);
        headProduct.multiply(out, x, stack, first);
    }

    @Override
    public void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        contract.matmulByHeadTransposed(out, x, stack, first);
        headProduct.multiplyTransposed(out, x, stack, first);
    }

    @Override
    public void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        contract.readKeys(out, kv, layout);
        keyReading.read(out, kv, layout);
    }

    @Override
    public void addRmsNorm(
            Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        contract.add(sum, a, b);
        contract.rmsNorm(out, sum, weight);
        norms.addNorm(out, sum, a, b, weight, epsilon);
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        fusedContract.feedForward(out, x, weights);
        products.feedForward(out, x, weights);
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        fusedContract.experts(out, x, ids, routeWeights, weights);
        products.experts(out, x, ids, routeWeights, weights);
    }
}
