package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;

/** Buffers, adopted files, and two backends side by side. */
final class MemoryChecks {
    private static final int ROWS = 5;
    private static final int WIDTH = 512;

    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private MemoryChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        MemoryChecks checks = new MemoryChecks(subject);
        checks.addBuffers();
        checks.addLimits();
        for (DType dtype : subject.kernels().weightTypes()) {
            checks.addAdopted(dtype);
        }
        checks.addTwoBackends();
        return checks.tests;
    }

    private void addBuffers() {
        tests.add(
                subject.test(
                        "new memory is zero, and keeps what is written",
                        t -> {
                            Buffer buffer = t.allocate(1000);
                            t.require(buffer.byteSize() == 1000, "asked for 1000 bytes");
                            t.require(isZero(read(buffer, 0, 1000)), "new memory is not zero");
                            byte[] content = new byte[700];
                            t.random().nextBytes(content);
                            MemorySegment source = MemorySegment.ofArray(content.clone());
                            buffer.write(77, source);
                            source.fill((byte) 0);
                            t.require(
                                    Arrays.equals(content, read(buffer, 77, 700)),
                                    "a buffer gives back other bytes than were written");
                            t.require(
                                    isZero(read(buffer, 0, 77)) && isZero(read(buffer, 777, 223)),
                                    "a write reached beyond its range");
                        }));
        tests.add(
                subject.test(
                        "reads and writes stay inside a buffer",
                        t -> {
                            Buffer buffer = t.allocate(64);
                            long[][] ranges = {{0, 65}, {1, 64}, {64, 1}, {-1, 1}, {1L << 40, 8}};
                            for (long[] range : ranges) {
                                MemorySegment host = Arena.ofAuto().allocate(range[1]);
                                String text = range[1] + " bytes at " + range[0];
                                t.require(
                                        isOutOfBounds(() -> buffer.read(range[0], host)),
                                        "reading %s of 64 is allowed".formatted(text));
                                t.require(
                                        isOutOfBounds(() -> buffer.write(range[0], host)),
                                        "writing %s of 64 is allowed".formatted(text));
                            }
                        }));
    }

    private void addLimits() {
        tests.add(
                subject.test(
                        "more memory than there is",
                        t -> {
                            MemoryInfo memory = t.backend().memory();
                            t.require(
                                    memory.total() > 0
                                            && memory.free() >= 0
                                            && memory.free() <= memory.total(),
                                    "impossible: " + memory);
                            try {
                                t.allocate(1L << 50).close();
                            } catch (OutOfDeviceMemoryException refusal) {
                                t.require(
                                        String.valueOf(refusal.getMessage())
                                                .contains(Long.toString(1L << 50)),
                                        "the refusal does not name the sizes: " + refusal);
                                return;
                            }
                            t.require(false, "a buffer of 2^50 bytes was promised");
                        }));
    }

    /** A weight as it lies in a file: mapped read-only, at the 32-byte alignment of GGUF. */
    private void addAdopted(DType dtype) {
        for (boolean whole : new boolean[] {false, true}) {
            String name = whole ? "adopt a mapped file and view %s" : "adopt %s of a mapped file";
            tests.add(
                    subject.test(
                            name.formatted(dtype),
                            t -> {
                                byte[] weights =
                                        Samples.weights(dtype, (long) ROWS * WIDTH, t.random());
                                try (Arena arena = Arena.ofShared()) {
                                    MemorySegment file = mapped(weights, arena);
                                    MemorySegment tensor = file.asSlice(32, weights.length);
                                    adopt(t, dtype, whole ? file : tensor, whole ? 32 : 0);
                                } catch (IOException e) {
                                    throw new UncheckedIOException(e);
                                }
                            }));
        }
    }

    private static MemorySegment mapped(byte[] weights, Arena arena) throws IOException {
        Path path = Files.createTempFile("juggler-tck", ".bin");
        try {
            byte[] content = new byte[32 + weights.length];
            System.arraycopy(weights, 0, content, 32, weights.length);
            Files.write(path, content);
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                return channel.map(FileChannel.MapMode.READ_ONLY, 0, content.length, arena);
            }
        } finally {
            Files.delete(path);
        }
    }

    private static void adopt(Trial t, DType dtype, MemorySegment memory, long offset) {
        try (Buffer adopted = t.backend().adopt(memory)) {
            t.require(adopted.byteSize() == memory.byteSize(), "adopted another size");
            int size = (int) memory.byteSize();
            t.require(
                    Arrays.equals(read(adopted, 0, size), memory.toArray(ValueLayout.JAVA_BYTE)),
                    "adopted memory reads differently");
            Shape shape = Shape.matrix(ROWS, WIDTH);
            Tensor onDevice = new Tensor(dtype, shape, adopted, offset);
            Tensor onHost = new Tensor(dtype, shape, HostBuffer.adopt(memory), offset);
            Twin x = t.floats(2, WIDTH);
            Twin out = t.output(2, ROWS);
            t.run((kernels, side) -> {
                boolean reference = side.of(x).equals(x.reference);
                kernels.matmul(side.of(out), side.of(x), reference ? onHost : onDevice);
            });
            t.assertClose(out, Operation.MATMUL, dtype);
        }
        t.require(memory.scope().isAlive(), "closing a buffer freed memory that it had adopted");
    }

    private void addTwoBackends() {
        tests.add(
                subject.test(
                        "two backends at once",
                        t -> {
                            Workload mine = new Workload(t.backend(), 1);
                            try (Backend second = subject.another()) {
                                Workload theirs = new Workload(second, 2);
                                float[] expected = mine.run();
                                float[] other = theirs.run();
                                t.require(
                                        Arrays.equals(mine.run(), expected)
                                                && Arrays.equals(theirs.run(), other),
                                        "taking turns changes results");
                                float[][] results = inTwoThreads(mine, theirs);
                                t.require(
                                        Arrays.equals(results[0], expected)
                                                && Arrays.equals(results[1], other),
                                        "running at the same time changes results");
                                theirs.close();
                            }
                            mine.run();
                            mine.close();
                        }));
        tests.add(
                subject.test(
                        "a backend that is closed leaves the other in order",
                        t -> {
                            Workload mine = new Workload(t.backend(), 1);
                            float[] expected = mine.run();
                            subject.another().close();
                            t.require(
                                    Arrays.equals(mine.run(), expected),
                                    "closing another backend changes results");
                            mine.close();
                        }));
    }

    private static float[][] inTwoThreads(Workload mine, Workload theirs) {
        float[][] results = new float[2][];
        Thread thread = Thread.ofPlatform().start(() -> results[1] = repeated(theirs));
        results[0] = repeated(mine);
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return results;
    }

    private static float[] repeated(Workload workload) {
        float[] first = workload.run();
        for (int i = 0; i < 20; i++) {
            if (!Arrays.equals(first, workload.run())) {
                return new float[0];
            }
        }
        return first;
    }

    /** A product that is repeated on one backend. */
    private static final class Workload implements AutoCloseable {
        private final Backend backend;
        private final Tensor x;
        private final Tensor weight;
        private final Tensor out;

        Workload(Backend backend, long seed) {
            this.backend = backend;
            Random random = new Random(seed);
            x = tensor(7, WIDTH, Samples.normal(random, 7 * WIDTH, 1));
            weight = tensor(33, WIDTH, Samples.normal(random, 33 * WIDTH, 1));
            out = tensor(7, 33, new float[7 * 33]);
        }

        private Tensor tensor(int rows, int columns, float[] values) {
            Buffer buffer = backend.allocate((long) values.length * Float.BYTES);
            buffer.write(0, MemorySegment.ofArray(values));
            return Tensor.of(DType.F32, rows, columns, buffer);
        }

        float[] run() {
            backend.kernels().matmul(out, x, weight);
            float[] values = new float[7 * 33];
            out.buffer().read(0, MemorySegment.ofArray(values));
            return values;
        }

        @Override
        public void close() {
            x.buffer().close();
            weight.buffer().close();
            out.buffer().close();
        }
    }

    private static byte[] read(Buffer buffer, long offset, int bytes) {
        byte[] content = new byte[bytes];
        buffer.read(offset, MemorySegment.ofArray(content));
        return content;
    }

    private static boolean isZero(byte[] bytes) {
        return Arrays.equals(bytes, new byte[bytes.length]);
    }

    private static boolean isOutOfBounds(Runnable access) {
        try {
            access.run();
            return false;
        } catch (IndexOutOfBoundsException expected) {
            return true;
        }
    }
}
