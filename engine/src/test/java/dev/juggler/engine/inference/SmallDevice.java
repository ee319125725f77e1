package dev.juggler.engine.inference;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.ReferenceKernels;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A fake device with little memory that notices when two threads compute on it at once. */
final class SmallDevice implements Backend {
    private final String name;
    private final long bytes;
    private final AtomicLong used = new AtomicLong();
    private final AtomicInteger computing = new AtomicInteger();
    private final Kernels kernels = watched(new ReferenceKernels());

    SmallDevice(String name, long bytes) {
        this.name = name;
        this.bytes = bytes;
    }

    private Kernels watched(Kernels real) {
        return (Kernels)
                Proxy.newProxyInstance(
                        Kernels.class.getClassLoader(),
                        new Class<?>[] {Kernels.class},
                        (proxy, method, arguments) -> {
                            if (method.getName().endsWith("Types")) {
                                return method.invoke(real, arguments);
                            }
                            if (computing.incrementAndGet() > 1) {
                                throw new IllegalStateException("two threads compute on " + name);
                            }
                            try {
                                return method.invoke(real, arguments);
                            } finally {
                                computing.decrementAndGet();
                            }
                        });
    }

    long used() {
        return used.get();
    }

    @Override
    public String device() {
        return name;
    }

    @Override
    public String description() {
        return "fake";
    }

    @Override
    public Buffer allocate(long size) {
        if (used.addAndGet(size) > bytes) {
            used.addAndGet(-size);
            throw new OutOfDeviceMemoryException(name, size, bytes - used.get());
        }
        HostBuffer buffer = HostBuffer.allocate(size);
        return new Buffer() {
            @Override
            public long byteSize() {
                return buffer.byteSize();
            }

            @Override
            public @Nullable MemorySegment host() {
                return buffer.host();
            }

            @Override
            public void read(long offset, MemorySegment target) {
                buffer.read(offset, target);
            }

            @Override
            public void write(long offset, MemorySegment source) {
                buffer.write(offset, source);
            }

            @Override
            public void close() {
                used.addAndGet(-size);
                buffer.close();
            }
        };
    }

    @Override
    public Buffer adopt(MemorySegment mapped) {
        return HostBuffer.adopt(mapped);
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
        return new MemoryInfo(bytes, bytes - used.get());
    }

    @Override
    public void close() {}
}
