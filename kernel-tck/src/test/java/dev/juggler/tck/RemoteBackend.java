package dev.juggler.tck;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.UnsupportedDTypeException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A device whose memory the host cannot address and that knows few types: the reference behind
 * opaque buffers.
 */
final class RemoteBackend implements Backend {
    private static final Set<DType> WEIGHT_TYPES = EnumSet.of(DType.F32, DType.Q4_K);
    private static final Set<DType> KV_TYPES = EnumSet.of(DType.F16);

    private final ReferenceBackend hidden = new ReferenceBackend();
    private final Kernels kernels =
            (Kernels)
                    Proxy.newProxyInstance(
                            Kernels.class.getClassLoader(),
                            new Class<?>[] {Kernels.class},
                            (InvocationHandler) this::invoke);

    @Override
    public String device() {
        return "remote";
    }

    @Override
    public String description() {
        return "the reference behind memory that the host cannot address";
    }

    @Override
    public Buffer allocate(long bytes) {
        return new RemoteBuffer(hidden.allocate(bytes));
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        Buffer copy = HostBuffer.allocate(mapped.byteSize());
        copy.write(0, mapped);
        return new RemoteBuffer(copy);
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
        return hidden.memory();
    }

    @Override
    public void close() {
        hidden.close();
    }

    private @Nullable Object invoke(
            Object proxy, Method method, @Nullable Object @Nullable [] arguments) throws Throwable {
        if (method.isDefault()) {
            return InvocationHandler.invokeDefault(proxy, method, arguments);
        }
        if (arguments == null) {
            return method.getName().equals("kvTypes") ? KV_TYPES : WEIGHT_TYPES;
        }
        requireTypes(method.getName(), arguments);
        @Nullable Object[] local = new @Nullable Object[arguments.length];
        for (int i = 0; i < local.length; i++) {
            local[i] = local(arguments[i]);
        }
        try {
            return method.invoke(hidden.kernels(), local);
        } catch (InvocationTargetException e) {
            throw e.getCause() == null ? e : e.getCause();
        }
    }

    private static void requireTypes(String operation, @Nullable Object[] arguments) {
        for (Object argument : arguments) {
            if (argument instanceof KvPages kv && !KV_TYPES.contains(kv.keys().dtype())) {
                throw new UnsupportedDTypeException("remote", operation, kv.keys().dtype());
            }
        }
        int weight = operation.startsWith("matmul") ? 2 : operation.equals("embed") ? 1 : -1;
        if (weight > 0
                && arguments[weight] instanceof Tensor tensor
                && !WEIGHT_TYPES.contains(tensor.dtype())) {
            throw new UnsupportedDTypeException("remote", operation, tensor.dtype());
        }
    }

    /** The argument with its tensors where the reference can reach them. */
    private static @Nullable Object local(@Nullable Object argument) {
        return switch (argument) {
            case Tensor tensor -> tensor(tensor);
            case KvPages kv ->
                    new KvPages(
                            tensor(kv.keys()),
                            kv.values() == null ? null : tensor(kv.values()),
                            kv.pageSize(),
                            kv.precision());
            case Routing routing ->
                    routing.withChoiceBias(
                            routing.choiceBias() == null ? null : tensor(routing.choiceBias()));
            case AttentionPlan plan ->
                    new AttentionPlan(
                            plan.heads(),
                            plan.kvHeads(),
                            plan.keyWidth(),
                            plan.valueWidth(),
                            plan.scale(),
                            plan.window(),
                            plan.softCap(),
                            plan.sinks() == null ? null : tensor(plan.sinks()));
            case null, default -> argument;
        };
    }

    private static Tensor tensor(Tensor remote) {
        RemoteBuffer buffer = (RemoteBuffer) remote.buffer();
        return new Tensor(remote.dtype(), remote.shape(), buffer.hidden, remote.offset());
    }

    private record RemoteBuffer(Buffer hidden) implements Buffer {
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
            hidden.read(offset, target);
        }

        @Override
        public void write(long offset, MemorySegment source) {
            hidden.write(offset, source);
        }

        @Override
        public void close() {
            hidden.close();
        }
    }
}
