package dev.juggler.benchmarks;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Matrix products as a model makes them: one row for decoding, where memory is the limit, and many
 * for a prompt, where arithmetic is. Calls take turns over more weights than a cache holds.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:MaxDirectMemorySize=8g"
        })
public class MatmulBenchmark {
    /** A backend's name, a provider's class name, or {@code best}. */
    @Param({Backends.BEST})
    public String backend = Backends.BEST;

    @Param({"Q8_0", "Q4_0", "Q4_K", "Q6_K", "F16"})
    public DType type = DType.Q8_0;

    /** Rows of x: 1 to decode, more for a prompt. */
    @Param({"1", "128"})
    public int rows = 1;

    /** Rows and columns of a weight. */
    @Param({"2048"})
    public int width = 2048;

    /** Size of all weights together in MiB. */
    @Param({"512"})
    public int megabytes = 512;

    private final List<Buffer> buffers = new ArrayList<>();
    private final List<Tensor> weights = new ArrayList<>();
    private @Nullable Backend opened;
    private @Nullable Tensor x;
    private @Nullable Tensor out;
    private int next;

    /** Rates beside the calls: what was read and computed in a second. */
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    @State(Scope.Thread)
    public static class Rates {
        /** Bytes of weights, in units of 10⁹. */
        public double gigabytes;

        /** Multiplications and additions, in units of 10⁹. */
        public double gigaoperations;

        /** JMH adds up within an iteration only. */
        @Setup(Level.Iteration)
        public void clear() {
            gigabytes = 0;
            gigaoperations = 0;
        }
    }

    /** Opens the backend and fills its memory. */
    @Setup
    public void open() {
        Backend device = Backends.open(backend);
        opened = device;
        System.out.println("# " + device.device() + ": " + device.description());
        Random random = new Random(1);
        float[] values = Samples.normal(random, rows * width, 1);
        x = Tensor.of(DType.F32, rows, width, filled(device, MemorySegment.ofArray(values)));
        Buffer result = device.allocate((long) rows * width * Float.BYTES);
        buffers.add(result);
        out = Tensor.of(DType.F32, rows, width, result);
        byte[] weight = Samples.weights(type, (long) width * width, random);
        int count = Math.max(1, (int) (((long) megabytes << 20) / weight.length));
        for (int i = 0; i < count; i++) {
            Buffer copy = filled(device, MemorySegment.ofArray(weight));
            weights.add(Tensor.of(type, width, width, copy));
        }
    }

    private Buffer filled(Backend device, MemorySegment content) {
        Buffer buffer = device.allocate(content.byteSize());
        buffers.add(buffer);
        buffer.write(0, content);
        return buffer;
    }

    @TearDown
    public void close() {
        buffers.forEach(Buffer::close);
        if (opened != null) {
            opened.close();
        }
    }

    @Benchmark
    public void matmul(Rates rates) {
        Backend device = opened;
        if (device == null || x == null || out == null) {
            throw new IllegalStateException("not set up");
        }
        Tensor weight = weights.get(next);
        next = (next + 1) % weights.size();
        device.kernels().matmul(out, x, weight);
        device.synchronize();
        rates.gigabytes += weight.byteSize() / 1e9;
        rates.gigaoperations += 2e-9 * rows * width * width;
    }
}
