package dev.juggler.engine.device;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A device whose memory the host cannot address, as a GPU's: its buffers have no host memory, and
 * its kernels refuse every tensor that is not in a buffer of this very device. It computes with the
 * reference kernels.
 */
final class FarBackend implements Backend {
    private final String device;
    private final ReferenceBackend reference = new ReferenceBackend();
    private long bytesMoved;

    FarBackend(String device) {
        this.device = device;
    }

    /** Bytes that went in or out. */
    long bytesMoved() {
        return bytesMoved;
    }

    private final class FarBuffer implements Buffer {
        private final HostBuffer hidden;

        FarBuffer(long bytes) {
            hidden = HostBuffer.allocate(bytes);
        }

        boolean isOn(FarBackend other) {
            return FarBackend.this == other;
        }

        @Override
        public long byteSize() {
            return hidden.byteSize();
        }

        @Override
        public @Nullable MemorySegment host() {
            return null;
        }

        @Override
        public void read(long offset, MemorySegment target) {
            bytesMoved += target.byteSize();
            hidden.read(offset, target);
        }

        @Override
        public void write(long offset, MemorySegment source) {
            bytesMoved += source.byteSize();
            hidden.write(offset, source);
        }

        @Override
        public void close() {
            hidden.close();
        }
    }

    private Tensor here(Tensor tensor) {
        if (tensor.buffer() instanceof FarBuffer far && far.isOn(this)) {
            return new Tensor(tensor.dtype(), tensor.shape(), far.hidden, tensor.offset());
        }
        throw new IllegalStateException(tensor.buffer() + " is not in the memory of " + device);
    }

    private @Nullable Tensor hereOrNull(@Nullable Tensor tensor) {
        return tensor == null ? null : here(tensor);
    }

    private KvPages here(KvPages kv) {
        return new KvPages(here(kv.keys()), hereOrNull(kv.values()), kv.pageSize());
    }

    private final class FarKernels implements Kernels {
        private final Kernels kernels = reference.kernels();

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
            kernels.embed(here(out), here(table), here(ids));
        }

        @Override
        public void matmul(Tensor out, Tensor x, Tensor weight) {
            kernels.matmul(here(out), here(x), here(weight));
        }

        @Override
        public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
            kernels.matmulByExpert(here(out), here(x), here(stack), here(ids));
        }

        @Override
        public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
            kernels.addByExpert(here(x), here(biases), here(ids));
        }

        @Override
        public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
            Routing local = routing.withChoiceBias(hereOrNull(routing.choiceBias()));
            kernels.route(here(ids), here(weights), here(logits), local);
        }

        @Override
        public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
            kernels.combineExperts(here(out), here(y), here(weights), here(ids));
        }

        @Override
        public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
            kernels.rmsNorm(here(out), here(x), here(weight), epsilon);
        }

        @Override
        public void rope(Tensor x, Tensor positions, RopePlan plan) {
            kernels.rope(here(x), here(positions), plan);
        }

        @Override
        public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
            kernels.appendKv(here(kv), here(keys), hereOrNull(values), here(slots));
        }

        @Override
        public void attention(
                Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
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
            kernels.gate(here(out), here(gate), here(up), activation);
        }

        @Override
        public void add(Tensor out, Tensor a, Tensor b) {
            kernels.add(here(out), here(a), here(b));
        }

        @Override
        public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
            kernels.addSigmoidScaled(here(out), here(x), here(scores));
        }

        @Override
        public void gatherRows(Tensor out, Tensor x, Tensor ids) {
            kernels.gatherRows(here(out), here(x), here(ids));
        }

        @Override
        public void copyColumns(Tensor out, Tensor x, int from) {
            kernels.copyColumns(here(out), here(x), from);
        }
    }

    private final Kernels kernels = new FarKernels();

    @Override
    public String device() {
        return device;
    }

    @Override
    public String description() {
        return device;
    }

    @Override
    public Buffer allocate(long bytes) {
        return new FarBuffer(bytes);
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        Buffer buffer = new FarBuffer(mapped.byteSize());
        buffer.write(0, mapped);
        return buffer;
    }

    @Override
    public boolean usesHostMemory() {
        return false;
    }

    @Override
    public Kernels kernels() {
        return kernels;
    }

    @Override
    public void synchronize() {}

    @Override
    public MemoryInfo memory() {
        return reference.memory();
    }

    @Override
    public void close() {
        reference.close();
    }
}
