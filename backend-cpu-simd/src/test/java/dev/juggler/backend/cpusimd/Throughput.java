package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;

/**
 * Measures matrix products by type: weights read a second with one row, multiply-adds a second with
 * many. Beside the wall clock stands the processor time, which a busy machine does not distort.
 * Arguments: kernels, vector bits, threads, rows, megabytes of weights, types.
 */
final class Throughput {
    private static final int COLUMNS = 2048;
    private static final int ROUNDS = 7;

    private Throughput() {}

    public static void main(String[] args) {
        String kernels = args[0];
        int bits =
                args[1].equals("auto")
                        ? CpuSimdOptions.bestVectorBits()
                        : Integer.parseInt(args[1]);
        int rows = Integer.parseInt(args[3]);
        long bytes = Long.parseLong(args[4]) << 20;
        try (Backend backend = Backends.open(kernels, bits, Integer.parseInt(args[2]))) {
            System.out.printf("%s; %d rows, k = %d%n", backend.description(), rows, COLUMNS);
            for (String type : Arrays.copyOfRange(args, 5, args.length)) {
                measure(backend, DType.valueOf(type), rows, bytes);
            }
        }
    }

    private static void measure(Backend backend, DType dtype, int rows, long bytes) {
        int n = (int) (bytes / dtype.bytes(COLUMNS));
        Tensor weight = randomBlocks(backend, dtype, n);
        Tensor x = Tensor.of(DType.F32, rows, COLUMNS, backend.allocate(4L * rows * COLUMNS));
        Tensor out = Tensor.of(DType.F32, rows, n, backend.allocate(4L * rows * n));
        double[] wall = new double[ROUNDS];
        double[] processor = new double[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
            long cpu = cpu();
            long start = System.nanoTime();
            backend.kernels().matmul(out, x, weight);
            wall[i] = System.nanoTime() - start;
            processor[i] = cpu() - cpu;
        }
        Arrays.sort(wall);
        Arrays.sort(processor);
        double size = weight.byteSize();
        double flops = 2.0 * rows * n * COLUMNS;
        System.out.printf(
                "%-8s wall: %6.2f GB/s %7.1f GFLOPS; a thread's second: %6.2f GB/s %7.1f GFLOPS%n",
                dtype,
                size / wall[ROUNDS / 2],
                flops / wall[ROUNDS / 2],
                size / processor[1],
                flops / processor[1]);
        weight.buffer().close();
        x.buffer().close();
        out.buffer().close();
    }

    /** Random bytes, which may hold any number; what they are does not change the speed. */
    private static Tensor randomBlocks(Backend backend, DType dtype, int n) {
        Buffer buffer = backend.allocate(dtype.bytes(COLUMNS) * n);
        byte[] block = new byte[dtype.blockBytes()];
        Random random = new Random(3);
        byte[] many = new byte[dtype.blockBytes() * 4096];
        for (int i = 0; i < many.length; i += block.length) {
            random.nextBytes(block);
            // No scale of any type is then infinite or subnormal, wherever it is in the block.
            for (int j = 0; j < block.length; j++) {
                many[i + j] = (byte) ((block[j] & 0x3B) | 0x20);
            }
        }
        for (long at = 0; at < buffer.byteSize(); at += many.length) {
            int length = (int) Math.min(many.length, buffer.byteSize() - at);
            buffer.write(at, MemorySegment.ofArray(many).asSlice(0, length));
        }
        return Tensor.of(dtype, n, COLUMNS, buffer);
    }

    private static long cpu() {
        return ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getProcessCpuTime();
    }
}
