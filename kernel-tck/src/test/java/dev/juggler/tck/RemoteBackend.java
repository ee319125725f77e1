package dev.juggler.tck;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/** A device whose memory the host cannot address: the reference behind opaque buffers. */
final class RemoteBackend implements Backend {
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

    private @Nullable Object invoke(Object proxy, Method method, @Nullable Object[] arguments)
            throws Throwable {
        if (method.isDefault()) {
            return InvocationHandler.invokeDefault(proxy, method, arguments);
        }
        int count = arguments == null ? 0 : arguments.length;
        @Nullable Object[] local = new @Nullable Object[count];
        for (int i = 0; i < count; i++) {
            local[i] = local(arguments[i]);
        }
        try {
            return method.invoke(hidden.kernels(), local);
        } catch (InvocationTargetException e) {
            throw e.getCause() == null ? e : e.getCause();
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
                            kv.pageSize());
            case Routing routing ->
                    new Routing(
                            routing.used(),
                            routing.scoring(),
                            routing.normalize(),
                            routing.scale(),
                            routing.groups(),
                            routing.groupsUsed(),
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
