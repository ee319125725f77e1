package dev.juggler.engine.device;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A device whose memory the host cannot address, as a GPU's: its buffers have no host memory, and
 * its kernels refuse every tensor that is not in a buffer of this very device. It computes with the
 * reference kernels, has as much memory and is as fast as a test says (its clock is not the
 * wall's), and fails when a test wants it to.
 */
public final class SimulatedDevice implements Backend {
    private final String device;
    private final ReferenceBackend reference = new ReferenceBackend();
    private final AtomicLong used = new AtomicLong();
    private final AtomicLong operationsLeft = new AtomicLong(Long.MAX_VALUE);
    private long memory = Long.MAX_VALUE;
    private DeviceSpeed speed = DeviceSpeed.UNKNOWN;
    private long bytesMoved;
    private long copies;
    private double seconds;
    private volatile boolean lost;

    public SimulatedDevice(String device) {
        this.device = device;
    }

    /** With so many bytes of memory. */
    public SimulatedDevice withMemory(long bytes) {
        memory = bytes;
        return this;
    }

    /** As fast as this, by its own clock. */
    public SimulatedDevice withSpeed(DeviceSpeed known) {
        speed = known;
        return this;
    }

    /** Fails in the operation after so many, and from then on in all that is asked of it. */
    public SimulatedDevice failingAfter(long operations) {
        operationsLeft.set(operations);
        return this;
    }

    /** Bytes that went in or out. */
    public long bytesMoved() {
        return bytesMoved;
    }

    /** How often bytes went in or out. */
    public long copies() {
        return copies;
    }

    /** Bytes that are allocated. */
    public long used() {
        return used.get();
    }

    /** What it would have taken for its reading of weights and for what crossed the link. */
    public double seconds() {
        return seconds;
    }

    private void requireAlive() {
        if (lost) {
            throw new DeviceFailedException(device, "it has fallen off the bus (simulated)");
        }
    }

    /** An operation that reads so many bytes of weights. */
    private void operation(long bytes) {
        if (operationsLeft.getAndDecrement() <= 0) {
            lost = true;
        }
        requireAlive();
        if (speed.bytesPerSecond() > 0) {
            seconds += bytes / speed.bytesPerSecond();
        }
    }

    private void moved(long bytes) {
        requireAlive();
        bytesMoved += bytes;
        copies++;
        if (speed.linkBytesPerSecond() > 0) {
            seconds += bytes / speed.linkBytesPerSecond();
        }
    }

    private final class DeviceBuffer implements Buffer {
        private final HostBuffer hidden;

        DeviceBuffer(long bytes) {
            requireAlive();
            if (bytes > memory - used.get()) {
                throw new OutOfDeviceMemoryException(device, bytes, memory - used.get());
            }
            hidden = HostBuffer.allocate(bytes);
            used.addAndGet(bytes);
        }

        boolean isOn(SimulatedDevice other) {
            return SimulatedDevice.this == other;
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
            moved(target.byteSize());
            hidden.read(offset, target);
        }

        @Override
        public void write(long offset, MemorySegment source) {
            moved(source.byteSize());
            hidden.write(offset, source);
        }

        @Override
        public void close() {
            used.addAndGet(-hidden.byteSize());
            hidden.close();
        }
    }

    private Tensor here(Tensor tensor) {
        if (tensor.buffer() instanceof DeviceBuffer far && far.isOn(this)) {
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

    /** Bytes of the experts that the rows use, each once. */
    private static long chosenBytes(Tensor stack, Tensor ids) {
        return stack.matrixBytes()
                * IntStream.of(ids.host().toArray(ValueLayout.JAVA_INT))
                        .filter(id -> id >= 0)
                        .distinct()
                        .count();
    }

    private final class DeviceKernels implements Kernels {
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
            operation(0);
            kernels.embed(here(out), here(table), here(ids));
        }

        @Override
        public void matmul(Tensor out, Tensor x, Tensor weight) {
            operation(weight.byteSize());
            kernels.matmul(here(out), here(x), here(weight));
        }

        @Override
        public void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
            operation(chosenBytes(stack, here(ids)));
            kernels.matmulByExpert(here(out), here(x), here(stack), here(ids));
        }

        @Override
        public void addByExpert(Tensor x, Tensor biases, Tensor ids) {
            operation(0);
            kernels.addByExpert(here(x), here(biases), here(ids));
        }

        @Override
        public void route(Tensor ids, Tensor weights, Tensor logits, Routing routing) {
            operation(0);
            Routing local = routing.withChoiceBias(hereOrNull(routing.choiceBias()));
            kernels.route(here(ids), here(weights), here(logits), local);
        }

        @Override
        public void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids) {
            operation(0);
            kernels.combineExperts(here(out), here(y), here(weights), here(ids));
        }

        @Override
        public void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon) {
            operation(0);
            kernels.rmsNorm(here(out), here(x), here(weight), epsilon);
        }

        @Override
        public void rope(Tensor x, Tensor positions, RopePlan plan) {
            operation(0);
            kernels.rope(here(x), here(positions), plan);
        }

        @Override
        public void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
            operation(0);
            kernels.appendKv(here(kv), here(keys), hereOrNull(values), here(slots));
        }

        @Override
        public void attention(
                Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
            operation(0);
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
            operation(0);
            kernels.gate(here(out), here(gate), here(up), activation);
        }

        @Override
        public void add(Tensor out, Tensor a, Tensor b) {
            operation(0);
            kernels.add(here(out), here(a), here(b));
        }

        @Override
        public void addSigmoidScaled(Tensor out, Tensor x, Tensor scores) {
            operation(0);
            kernels.addSigmoidScaled(here(out), here(x), here(scores));
        }

        @Override
        public void gatherRows(Tensor out, Tensor x, Tensor ids) {
            operation(0);
            kernels.gatherRows(here(out), here(x), here(ids));
        }

        @Override
        public void copyColumns(Tensor out, Tensor x, int from) {
            operation(0);
            kernels.copyColumns(here(out), here(x), from);
        }
    }

    private final Kernels kernels = new DeviceKernels();

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
        return new DeviceBuffer(bytes);
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        Buffer buffer = new DeviceBuffer(mapped.byteSize());
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
    public void synchronize() {
        requireAlive();
    }

    @Override
    public MemoryInfo memory() {
        return memory == Long.MAX_VALUE
                ? reference.memory()
                : new MemoryInfo(memory, memory - used.get());
    }

    @Override
    public DeviceSpeed speed() {
        return speed;
    }

    @Override
    public void close() {
        reference.close();
    }
}
