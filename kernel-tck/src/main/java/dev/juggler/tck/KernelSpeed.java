package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntConsumer;

/**
 * How fast a backend multiplies. Weights are random, lie in several copies that are used in turn,
 * so that no cache holds them, and are as large as models have them; times are medians of runs that
 * the device does one after the other while nobody waits in between.
 */
public final class KernelSpeed implements AutoCloseable {
    private static final int RUNS = 5;
    private static final int EXPERTS_USED = 8;

    private final Backend backend;
    private final long bytesInTurn;
    private final double secondsOfRun;
    private final Random random = new Random(1);
    private final List<Buffer> buffers = new ArrayList<>();

    /**
     * What was measured.
     *
     * @param seconds of one call
     * @param bytes of weights that it reads
     * @param operations multiplications and additions that it does
     */
    public record Measured(double seconds, double bytes, double operations) {
        public double bytesPerSecond() {
            return bytes / seconds;
        }

        public double operationsPerSecond() {
            return operations / seconds;
        }
    }

    /**
     * @param bytesInTurn how many bytes of weights are used in turn, more than any cache holds
     * @param secondsOfRun how long one run is to take
     */
    public KernelSpeed(Backend backend, long bytesInTurn, double secondsOfRun) {
        this.backend = backend;
        this.bytesInTurn = bytesInTurn;
        this.secondsOfRun = secondsOfRun;
    }

    /**
     * A product of {@code rows} rows with a matrix [n, k].
     *
     * @throws dev.juggler.kernel.OutOfDeviceMemoryException if the device has not enough
     */
    public Measured matmul(DType dtype, int rows, int n, int k) {
        List<Tensor> weights = weights(dtype, 1, n, k);
        Tensor x = floats(rows, k);
        Tensor out = floats(rows, n);
        double seconds =
                seconds(turn ->
                        backend.kernels().matmul(out, x, weights.get(turn % weights.size())));
        double bytes = dtype.bytes(k) * (double) n;
        free();
        return new Measured(seconds, bytes, 2.0 * rows * n * k);
    }

    /**
     * One row through 8 of some experts: gate, up and down, grouped.
     *
     * @param width columns of the row
     * @param inner columns between
     */
    public Measured experts(DType dtype, int experts, int width, int inner) {
        List<Tensor> gates = weights(dtype, experts, inner, width);
        List<Tensor> downs = weights(dtype, experts, width, inner);
        int used = Math.min(EXPERTS_USED, experts);
        Tensor x = floats(1, width);
        Tensor out = floats(1, width);
        Tensor shares = floats(1, used);
        int turns = Math.min(gates.size(), downs.size());
        List<Tensor> ids = new ArrayList<>();
        for (int turn = 0; turn < 16; turn++) {
            ids.add(ids(experts, used));
        }
        BufferWorkspace workspace = new BufferWorkspace(allocate(16L << 20));
        double seconds =
                seconds(turn -> {
                    Tensor gate = gates.get(turn % turns);
                    Tensor up = gates.get((turn + turns / 2) % turns);
                    Tensor down = downs.get(turn % turns);
                    ExpertWeights weights =
                            new ExpertWeights(gate, up, down, GatedActivation.SWIGLU);
                    long mark = workspace.mark();
                    backend.kernels()
                            .experts(out, x, ids.get(turn % 16), shares, weights, workspace);
                    workspace.release(mark);
                });
        double bytes = used * (2.0 * dtype.bytes(width) * inner + dtype.bytes(inner) * width);
        free();
        return new Measured(seconds, bytes, 6.0 * used * width * inner);
    }

    /** Different experts, drawn. */
    private Tensor ids(int experts, int used) {
        int[] drawn = random.ints(0, experts).distinct().limit(used).toArray();
        Tensor ids = Tensor.of(DType.I32, 1, used, allocate(4L * used));
        ids.buffer().write(0, MemorySegment.ofArray(drawn));
        return ids;
    }

    private Buffer allocate(long bytes) {
        Buffer buffer = backend.allocate(bytes);
        buffers.add(buffer);
        return buffer;
    }

    private Tensor floats(int rows, int columns) {
        Tensor tensor = Tensor.of(DType.F32, rows, columns, allocate(4L * rows * columns));
        float[] row = Samples.normal(random, columns, 1);
        for (int r = 0; r < rows; r++) {
            tensor.buffer().write(4L * r * columns, MemorySegment.ofArray(row));
        }
        return tensor;
    }

    /**
     * As many stacks as are used in turn; their rows repeat those of a few, which nobody notices.
     */
    private List<Tensor> weights(DType dtype, int count, int rows, int columns) {
        byte[] some = Samples.weights(dtype, 16L * columns, random);
        MemorySegment piece = MemorySegment.ofArray(some);
        long bytes = dtype.bytes(columns) * rows * count;
        List<Tensor> stacks = new ArrayList<>();
        for (long sum = 0; sum < bytesInTurn || stacks.isEmpty(); sum += bytes) {
            Buffer buffer = allocate(bytes);
            for (long at = 0; at < bytes; at += some.length) {
                buffer.write(at, piece.asSlice(0, Math.min(some.length, bytes - at)));
            }
            stacks.add(new Tensor(dtype, new Shape(count, rows, columns), buffer, 0));
        }
        return stacks;
    }

    /** The median of some runs, each of as many calls as take long enough. */
    private double seconds(IntConsumer call) {
        double first = time(call, 1); // compiles and loads what is needed
        double once = Math.min(first, time(call, 1));
        int calls = (int) Math.clamp(secondsOfRun / Math.max(once, 1e-7), 1, 10_000);
        double[] times = new double[RUNS];
        for (int run = 0; run < RUNS; run++) {
            times[run] = time(call, calls) / calls;
        }
        Arrays.sort(times);
        return times[RUNS / 2];
    }

    private double time(IntConsumer call, int calls) {
        backend.synchronize();
        long start = System.nanoTime();
        for (int i = 0; i < calls; i++) {
            call.accept(i);
        }
        backend.synchronize();
        return (System.nanoTime() - start) / 1e9;
    }

    private void free() {
        backend.synchronize();
        buffers.forEach(Buffer::close);
        buffers.clear();
    }

    @Override
    public void close() {
        buffers.forEach(Buffer::close);
        buffers.clear();
    }
}
