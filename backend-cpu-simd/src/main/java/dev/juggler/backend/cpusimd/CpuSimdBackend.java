package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.MemoryNodes.Node;
import dev.juggler.backend.cpusimd.NativeKernels.TilePrecision;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.HostBuffers;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.ReferenceKernels;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The processor as a device: host memory, a pool of workers, and the kernels that they run. */
final class CpuSimdBackend implements Backend {
    private final WorkerPool pool;
    private final Kernels kernels;
    private final String description;
    private final @Nullable NumaMemory memory;
    private final HostBuffers buffers = new HostBuffers(CpuSimdBackendProvider.DEVICE);

    /**
     * @param memoryNodes the folder in which the system tells its memory nodes
     * @throws BackendException if numa or pin cannot be had here, with the reason
     */
    CpuSimdBackend(CpuSimdOptions options, Path memoryNodes) {
        boolean reference = options.kernels() == CpuSimdOptions.KernelSet.REFERENCE;
        int threads = reference ? 1 : options.threads();
        KernelChoice choice = KernelChoice.of(options);
        VectorModule.require(choice);
        WorkerSeats seats = WorkerSeats.anywhere();
        String seated = "";
        NumaMemory laid = null;
        if (options.numa() != NumaMemory.Layout.OFF || options.pin()) {
            LinuxCalls system = LinuxCalls.open();
            List<Node> nodes = nodes(options, memoryNodes, system);
            boolean shard = options.numa() == NumaMemory.Layout.SHARD;
            if (options.numa() != NumaMemory.Layout.OFF) {
                laid = new NumaMemory(options.numa(), nodes, system);
                seated =
                        ", memory %s over %s"
                                .formatted(name(options.numa()), MemoryNodes.text(nodes));
            }
            if (shard || options.pin()) {
                seats = WorkerSeats.on(nodes, threads, shard, options.pin(), system);
            }
            seated += options.pin() ? ", workers pinned" : "";
        }
        memory = laid;
        pool = new WorkerPool(threads, seats);
        requireSeats();
        kernels = reference ? new ReferenceKernels() : kernels(pool, options, choice);
        description =
                "%s, %d thread%s, activations %s%s%s"
                        .formatted(
                                choice.description(),
                                threads,
                                threads == 1 ? "" : "s",
                                activations(choice, options),
                                CpuFeatures.listed(),
                                seated);
    }

    private static String name(NumaMemory.Layout layout) {
        return layout.name().toLowerCase(Locale.ROOT);
    }

    /** Nodes with memory; where workers sit on them, those with processors that we may use. */
    private static List<Node> nodes(CpuSimdOptions options, Path folder, LinuxCalls system) {
        Set<Integer> allowed = system.mayRunOn();
        if (options.numa() == NumaMemory.Layout.OFF) {
            return List.of(new Node(0, List.copyOf(allowed), true));
        }
        MemoryNodes all = MemoryNodes.read(folder);
        boolean sitting = options.numa() == NumaMemory.Layout.SHARD || options.pin();
        List<Node> nodes = sitting ? all.withProcessors(allowed) : all.withMemory();
        if (nodes.isEmpty()) {
            throw new BackendException(
                    "numa = %s: none of %s has memory and processors that this process may use; set juggler.backend.cpu-simd.numa = off"
                            .formatted(name(options.numa()), MemoryNodes.text(all.all())));
        }
        return nodes;
    }

    private void requireSeats() {
        int error;
        try {
            error = pool.awaitSeats();
        } catch (InterruptedException e) {
            pool.close();
            Thread.currentThread().interrupt();
            throw new BackendException("interrupted while the workers took their seats");
        }
        if (error != 0) {
            pool.close();
            throw new BackendException(
                    "workers cannot be kept on processors: sched_setaffinity failed with error %d; set juggler.backend.cpu-simd.pin = false and numa = off"
                            .formatted(error));
        }
    }

    private static String activations(KernelChoice choice, CpuSimdOptions options) {
        if (options.kernels() == CpuSimdOptions.KernelSet.REFERENCE || options.exact()) {
            return "f32";
        }
        boolean brains =
                choice.set() == NativeLibrary.Set.AMX && options.tiles() == TilePrecision.BF16;
        return brains ? "8 bits, many rows bf16" : "8 bits";
    }

    private static Kernels kernels(WorkerPool pool, CpuSimdOptions options, KernelChoice choice) {
        int bits = options.vectorBits();
        LaneKernels loops =
                choice.set() != null
                        ? new NativeLoops(choice.set())
                        : options.kernels() == CpuSimdOptions.KernelSet.VECTOR
                                ? LaneKernelSets.vector(bits)
                                : LaneKernelSets.adaptive(bits);
        NativeKernels natives =
                choice.set() == null
                        ? null
                        : new NativeKernels(choice.set(), options.exact(), options.tiles());
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
    public Buffer allocate(long bytes) {
        HostBuffer buffer = buffers.allocate(bytes);
        if (memory != null) {
            memory.interleave(buffer.host());
        }
        return buffer;
    }

    @Override
    public synchronized Buffer adopt(MemorySegment mapped) {
        if (memory != null) {
            memory.lay(mapped);
        }
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
        return buffers.memory();
    }

    @Override
    public void close() {
        pool.close();
        buffers.close();
    }
}
