package dev.juggler.engine.profile;

import dev.juggler.engine.placement.RoutingProfile;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Kernels that count which experts rows are sent to. Blocks of experts are taken apart into their
 * plain steps, so that the choices are seen; all else is as the kernels beneath do it.
 */
public final class RoutingRecorder implements Kernels {
    private final Kernels kernels;
    private final List<Integer> moeLayers;
    private final RoutingProfile profile;
    private final IdentityHashMap<ExpertWeights, Integer> layers = new IdentityHashMap<>();

    /**
     * @param moeLayers numbers of the layers with experts, in the order in which they are computed
     * @param profile where it counts
     */
    public RoutingRecorder(Kernels kernels, List<Integer> moeLayers, RoutingProfile profile) {
        this.kernels = kernels;
        this.moeLayers = List.copyOf(moeLayers);
        this.profile = profile;
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        int layer = layers.computeIfAbsent(weights, w -> moeLayers.get(layers.size()));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chosen = arena.allocate(ids.byteSize(), Integer.BYTES);
            ids.buffer().read(ids.offset(), chosen);
            int[] experts = chosen.toArray(ValueLayout.JAVA_INT);
            profile.add(layer, weights.gate().count(), ids.rows(), experts);
        }
        kernels.experts(out, x, ids, routeWeights, weights, workspace);
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        kernels.feedForward(out, x, weights, workspace);
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
