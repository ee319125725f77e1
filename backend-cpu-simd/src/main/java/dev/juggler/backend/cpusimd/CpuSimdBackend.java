package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.NativeKernels.TilePrecision;
import dev.juggler.backend.cpusimd.NativeLibrary.Set;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.HostMemory;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.ReferenceKernels;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The processor as a device: host memory, a pool of workers, and the kernels that they run. */
final class CpuSimdBackend implements Backend {
    private final WorkerPool pool;
    private final Kernels kernels;
    private final String description;
    private final List<HostBuffer> allocated = new ArrayList<>();

    CpuSimdBackend(CpuSimdOptions options) {
        boolean reference = options.kernels() == CpuSimdOptions.KernelSet.REFERENCE;
        int threads = reference ? 1 : options.threads();
        KernelChoice choice = KernelChoice.of(options);
        pool = new WorkerPool(threads);
        kernels = reference ? new ReferenceKernels() : kernels(pool, options, choice);
        description =
                "%s, %d thread%s, activations %s%s"
                        .formatted(
                                choice.description(),
                                threads,
                                threads == 1 ? "" : "s",
                                activations(choice, options),
                                CpuFeatures.listed());
    }

    private static String activations(KernelChoice choice, CpuSimdOptions options) {
        if (options.kernels() == CpuSimdOptions.KernelSet.REFERENCE || options.exact()) {
            return "f32";
        }
        boolean brains = choice.set() == Set.AMX && options.tiles() == TilePrecision.BF16;
        return brains ? "8 bits, many rows bf16" : "8 bits";
    }

    private static Kernels kernels(WorkerPool pool, CpuSimdOptions options, KernelChoice choice) {
        int bits = options.vectorBits();
        LaneKernels loops =
                options.kernels() == CpuSimdOptions.KernelSet.VECTOR
                        ? LaneKernelSets.vector(bits)
                        : LaneKernelSets.adaptive(bits);
        NativeKernels natives =
                choice.set() == null
                        ? null
                        : new NativeKernels(choice.set(), options.exact() ? null : options.tiles());
        MatrixKernels matrix = new PanelKernels(loops);
        if (natives == null && !options.exact()) {
            matrix = new CodeKernels(loops.codes(), matrix);
        }
        KernelContext context = new KernelContext(pool, matrix, loops, natives);
        Products products = new PanelProducts(context);
        if (natives != null) {
            products = new NativeProducts(context, natives, products, options.exact());
        }
        return new CpuSimdKernels(context, products);
    }

    @Override
    public String device() {
        return CpuSimdBackendProvider.DEVICE;
    }

    @Override
    public String description() {
        return description;
    }

    @Override
    public synchronized Buffer allocate(long bytes) {
        MemoryInfo memory = memory();
        if (bytes < 0 || bytes > memory.free()) {
            throw new OutOfDeviceMemoryException(device(), bytes, memory.free());
        }
        allocated.removeIf(buffer -> !buffer.isOpen());
        HostBuffer buffer = HostBuffer.allocate(bytes);
        allocated.add(buffer);
        return buffer;
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
    public void synchronize() {
        // Every operation returns when it is done.
    }

    @Override
    public MemoryInfo memory() {
        return HostMemory.now();
    }

    @Override
    public synchronized void close() {
        pool.close();
        allocated.forEach(HostBuffer::close);
        allocated.clear();
    }
}
