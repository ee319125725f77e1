package dev.juggler.tck.simulated;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The plain operations of a simulated device: what they cost, and the reference that does them. */
record SimulatedKernels(SimulatedDevice device, Kernels kernels) implements Kernels {
    private Tensor here(Tensor tensor) {
        return device.here(tensor);
    }

    private @Nullable Tensor hereOrNull(@Nullable Tensor tensor) {
        return tensor == null ? null : here(tensor);
    }

    private KvPages here(KvPages kv) {
        return new KvPages(here(kv.keys()), hereOrNull(kv.values()), kv.pageSize());
    }

    private static double products(Tensor weight, int rows) {
        return 2.0 * weight.shape().elements() * rows;
    }

    /** Ids of experts that are here. */
    private static int[] chosen(Tensor ids) {
        MemorySegment memory = ids.buffer().host();
        if (memory == null) {
            throw new IllegalStateException("the reference has all its memory on the host");
        }
        return IntStream.of(
                        memory.asSlice(ids.offset(), ids.byteSize()).toArray(ValueLayout.JAVA_INT))
                .filter(id -> id >= 0)
                .toArray();
    }

    private void plain() {
        device.operation(0, 0);
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
        plain();
        kernels.embed(here(out), here(table), here(ids));
    }

    @Override
    public void matmul(Tensor out, Tensor x, Tensor weight) {
        device.operation(weight.byteSize(), products(weight, x.rows()));
        kernels.matmul(here(out), here(x), here(weight));
    }

    /** Reads each expert that is used once. */
    @Override
    public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        int[] chosen = chosen(here(ids));
        double one = products(stack, 1) / Math.max(1, stack.count());
        device.operation(
                stack.matrixBytes() * IntStream.of(chosen).distinct().count(), one * chosen.length);
        kernels.matmulByExpert(here(out), here(x), here(stack), here(ids));
    }

    @Override
    public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
        plain();
        kernels.addByExpert(here(x), here(biases), here(ids));
    }

    @Override
    public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
        plain();
        Routing local = routing.withChoiceBias(hereOrNull(routing.choiceBias()));
        kernels.route(here(ids), here(weights), here(logits), local);
    }

    @Override
    public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
        plain();
        kernels.combineExperts(here(out), here(y), here(weights), here(ids));
    }

    @Override
    public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
        plain();
        kernels.rmsNorm(here(out), here(x), here(weight), epsilon);
    }

    @Override
    public void rope(Tensor x, Tensor positions, RopePlan plan) {
        plain();
        kernels.rope(here(x), here(positions), plan);
    }

    @Override
    public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        plain();
        kernels.appendKv(here(kv), here(keys), hereOrNull(values), here(slots));
    }

    @Override
    public void attention(
            Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        plain();
        AttentionPlan local =
                new AttentionPlan(
                        plan.heads(),
                        plan.kvHeads(),
                        plan.keyWidth(),
                        plan.valueWidth(),
                        plan.scale(),
                        plan.window(),
                        plan.softCap(),
                        hereOrNull(plan.sinks()));
        kernels.attention(here(out), here(q), here(kv), local, layout);
    }

    @Override
    public void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation) {
        plain();
        kernels.gate(here(out), here(gate), here(up), activation);
    }

    @Override
    public void add(Tensor out, Tensor a, Tensor b) {
        plain();
        kernels.add(here(out), here(a), here(b));
    }

    @Override
    public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
        plain();
        kernels.addSigmoidScaled(here(out), here(x), here(scores));
    }

    @Override
    public void gatherRows(Tensor out, Tensor x, Tensor ids) {
        plain();
        kernels.gatherRows(here(out), here(x), here(ids));
    }

    @Override
    public void copyColumns(Tensor out, Tensor x, int from) {
        plain();
        kernels.copyColumns(here(out), here(x), from);
    }
}
