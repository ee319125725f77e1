package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.ReferenceBackend;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/** The reference with one fault in one operation. */
final class FaultyBackend implements Backend {
    private final ReferenceBackend sound = new ReferenceBackend();
    private final Kernels kernels;

    /** What goes wrong in an operation. */
    @FunctionalInterface
    interface Fault {
        /**
         * Is called in place of the operation.
         *
         * @param kernels the sound operations
         * @param arguments of the call
         */
        void instead(Kernels kernels, @Nullable Object[] arguments);
    }

    FaultyBackend(String operation, Fault fault) {
        InvocationHandler handler =
                (proxy, method, arguments) -> {
                    if (method.getName().equals(operation) && arguments != null) {
                        fault.instead(sound.kernels(), arguments);
                        return null;
                    }
                    return method.isDefault()
                            ? InvocationHandler.invokeDefault(proxy, method, arguments)
                            : soundly(method, arguments);
                };
        kernels =
                (Kernels)
                        Proxy.newProxyInstance(
                                Kernels.class.getClassLoader(),
                                new Class<?>[] {Kernels.class},
                                handler);
    }

    private @Nullable Object soundly(Method method, @Nullable Object @Nullable [] arguments)
            throws Throwable {
        try {
            return method.invoke(sound.kernels(), arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause() == null ? e : e.getCause();
        }
    }

    @Override
    public String device() {
        return "faulty";
    }

    @Override
    public String description() {
        return "the reference with a fault";
    }

    @Override
    public Buffer allocate(long bytes) {
        return sound.allocate(bytes);
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        return sound.adopt(mapped);
    }

    @Override
    public boolean usesHostMemory() {
        return true;
    }

    @Override
    public Kernels kernels() {
        return kernels;
    }

    @Override
    public void synchronize() {}

    @Override
    public MemoryInfo memory() {
        return sound.memory();
    }

    @Override
    public void close() {
        sound.close();
    }
}
