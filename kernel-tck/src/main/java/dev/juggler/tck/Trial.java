package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.ReferenceKernels;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import dev.juggler.kernel.quant.Quantizers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One case: tensors with random content on both sides, a call that is made on both, and the
 * comparison of what it wrote.
 */
final class Trial implements AutoCloseable {
    private static final int NARROW = 32;

    private static final int WORKSPACE_BYTES = 8 << 20;

    /** A quiet NaN with a payload; a result that still holds it was not written. */
    private static final int POISON = 0x7FC0BEEF;

    private final String name;
    private final Subject subject;
    private final Random random;
    private final ReferenceKernels reference = new ReferenceKernels();
    private final List<Twin> twins = new ArrayList<>();
    private final List<Buffer> buffers = new ArrayList<>();
    private final Side referenceSide;
    private final Side deviceSide;
    private int shift;

    Trial(String name, Subject subject, Random random) {
        this.name = name;
        this.subject = subject;
        this.random = random;
        referenceSide = new SideOf(twin -> twin.reference, this::allocateOnHost);
        deviceSide = new SideOf(twin -> twin.device, this::allocate);
    }

    /** Makes one call; {@code side} tells which of the two tensors to use. */
    @FunctionalInterface
    interface Call {
        void make(Kernels kernels, Side side);
    }

    /** One side of the twins, with scratch memory of its own. */
    interface Side {
        Tensor of(Twin twin);

        default @Nullable Tensor ofNullable(@Nullable Twin twin) {
            return twin == null ? null : of(twin);
        }

        Workspace workspace();
    }

    Random random() {
        return random;
    }

    Backend backend() {
        return subject.backend();
    }

    /** Tensors made from now on lie this many bytes off the alignment of their buffers. */
    Trial shiftedBy(int bytes) {
        shift = bytes;
        return this;
    }

    /** Normally distributed activations. */
    Twin floats(int rows, int columns) {
        return floats(rows, columns, Samples.normal(random, rows * columns, 1));
    }

    Twin floats(int rows, int columns, float... values) {
        return floats(rows, columns, values, false);
    }

    /** Activations that the call changes in place. */
    Twin changing(int rows, int columns) {
        return floats(rows, columns, Samples.normal(random, rows * columns, 1), true);
    }

    Twin changing(int rows, int columns, float... values) {
        return floats(rows, columns, values, true);
    }

    /** F32 that the call must overwrite wholly. */
    Twin output(int rows, int columns) {
        float[] poison = new float[rows * columns];
        Arrays.fill(poison, Float.intBitsToFloat(POISON));
        return floats(rows, columns, poison, true);
    }

    Twin ints(int rows, int columns, int... values) {
        return ints(rows, columns, values, false);
    }

    /** I32 that the call must overwrite wholly. */
    Twin idOutput(int rows, int columns) {
        int[] poison = new int[rows * columns];
        Arrays.fill(poison, POISON);
        return ints(rows, columns, poison, true);
    }

    /** A weight with random content. */
    Twin weight(DType dtype, int count, int rows, int columns) {
        Shape shape = new Shape(count, rows, columns);
        return twin(dtype, shape, Samples.weights(dtype, shape.elements(), random), false);
    }

    /** Pages of a cache with this content, to be read. */
    Twin pages(DType dtype, int pages, int pageSize, int columns, float[] values) {
        return pages(dtype, new Shape(pages, pageSize, columns), values, false);
    }

    /** Pages of a cache with some content, to be written to. */
    Twin changingPages(DType dtype, int pages, int pageSize, int columns) {
        float[] values = Samples.normal(random, pages * pageSize * columns, 1);
        return pages(dtype, new Shape(pages, pageSize, columns), values, true);
    }

    /** A tensor of zero bytes, of a type that need not hold numbers. */
    Twin blank(DType dtype, int count, int rows, int columns) {
        Shape shape = new Shape(count, rows, columns);
        return twin(dtype, shape, new byte[(int) dtype.bytes(shape.elements())], true);
    }

    /**
     * Makes the call once on the reference and twice on the device, with the same content before
     * each, and checks that the two agree bit by bit, that inputs and guards are as they were.
     */
    void run(Call call) {
        call.make(reference, referenceSide);
        call.make(subject.kernels(), deviceSide);
        List<byte[]> first = twins.stream().map(Twin::deviceBytes).toList();
        twins.forEach(twin -> twin.assertUntouched(name));
        twins.forEach(Twin::restore);
        call.make(subject.kernels(), deviceSide);
        for (int i = 0; i < first.size(); i++) {
            if (!Arrays.equals(first.get(i), twins.get(i).deviceBytes())) {
                throw new AssertionError(name + ": a repeated call gives another result");
            }
        }
    }

    /** Writes zeros over a tensor, as the host would before the next step. */
    static void overwrite(Tensor tensor) {
        MemorySegment zeros = Arena.ofAuto().allocate(tensor.byteSize());
        tensor.buffer().write(tensor.offset(), zeros);
    }

    /**
     * Compares a result; its scale is the element's size plus the row's root mean square. The few
     * elements of a narrow row may all happen to cancel, so there the whole result is taken.
     */
    void assertClose(Twin out, Operation operation, DType dtype) {
        float[] expected = out.referenceValues();
        double[] scales = new double[expected.length];
        int width = out.device.columns();
        double whole = rootMeanSquare(expected, 0, expected.length);
        for (int row = 0; row < expected.length; row += width) {
            double size = width < NARROW ? whole : rootMeanSquare(expected, row, width);
            for (int i = row; i < row + width; i++) {
                scales[i] = Math.abs(expected[i]) + size;
            }
        }
        assertClose(out, scales, operation, dtype);
    }

    private static double rootMeanSquare(float[] values, int from, int count) {
        double squares = 0;
        for (int i = from; i < from + count; i++) {
            squares += (double) values[i] * values[i];
        }
        return Math.sqrt(squares / count);
    }

    /** Compares a result whose elements have these scales. */
    void assertClose(Twin out, double[] scales, Operation operation, DType dtype) {
        Tolerance tolerance = subject.tolerance(operation, dtype);
        float[] expected = out.referenceValues();
        float[] actual = out.deviceValues();
        int worst = 0;
        double worstError = -1;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = Math.abs((double) actual[i] - expected[i]);
            double error = difference == 0 ? 0 : difference / scales[i];
            if (Double.isNaN(error)) {
                error = Double.POSITIVE_INFINITY;
            }
            if (error > worstError) {
                worst = i;
                worstError = error;
            }
            squares += error * error;
        }
        double rootMeanSquare = Math.sqrt(squares / expected.length);
        if (worstError > tolerance.largest()
                || rootMeanSquare > tolerance.rootMeanSquareOf(expected.length)) {
            int width = out.device.columns();
            throw new AssertionError(
                    "%s: element [%d, %d] is %s, the reference says %s; error %.3g of its scale, root mean square %.3g, allowed %s"
                            .formatted(
                                    name,
                                    worst / width,
                                    worst % width,
                                    actual[worst],
                                    expected[worst],
                                    worstError,
                                    rootMeanSquare,
                                    tolerance));
        }
    }

    /** New rows of a cache are close to the reference's, and all others as they were. */
    void assertStored(Twin pages, Operation operation, DType dtype) {
        assertClose(pages, operation, dtype);
        float[] before = pages.values();
        float[] reference = pages.referenceValues();
        float[] now = pages.deviceValues();
        int width = pages.device.columns();
        for (int from = 0; from < before.length; from += width) {
            int to = from + width;
            if (Arrays.equals(before, from, to, reference, from, to)) {
                require(
                        Arrays.equals(before, from, to, now, from, to),
                        "slot " + from / width + " was changed and was not named");
            }
        }
    }

    void assertSameIds(Twin ids) {
        int[] expected = ids.referenceIds();
        int[] actual = ids.deviceIds();
        if (!Arrays.equals(expected, actual)) {
            int at = Arrays.mismatch(expected, actual);
            throw new AssertionError(
                    "%s: id %d is %d, the reference says %d"
                            .formatted(name, at, actual[at], expected[at]));
        }
    }

    /** A failure unless {@code condition}. */
    void require(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(name + ": " + message);
        }
    }

    /** Fails unless the call on the device throws this, and has changed nothing. */
    void assertRefused(Class<? extends Exception> expected, Call call) {
        try {
            call.make(subject.kernels(), deviceSide);
        } catch (RuntimeException refusal) {
            if (!expected.isInstance(refusal)) {
                throw new AssertionError(
                        "%s: expected %s".formatted(name, expected.getSimpleName()), refusal);
            }
            String message = String.valueOf(refusal.getMessage());
            require(!message.isBlank(), "the refusal says nothing");
            twins.forEach(twin -> twin.assertUnchanged(name));
            return;
        }
        throw new AssertionError("%s: expected %s".formatted(name, expected.getSimpleName()));
    }

    /** Memory on the device that goes with the trial. */
    Buffer allocate(long bytes) {
        Buffer buffer = subject.backend().allocate(bytes);
        buffers.add(buffer);
        return buffer;
    }

    private Buffer allocateOnHost(long bytes) {
        Buffer buffer = HostBuffer.allocate(bytes);
        buffers.add(buffer);
        return buffer;
    }

    @Override
    public void close() {
        buffers.forEach(Buffer::close);
    }

    private Twin pages(DType dtype, Shape shape, float[] values, boolean written) {
        byte[] content = new byte[(int) dtype.bytes(values.length)];
        Quantizers.of(dtype).quantize(values, 0, MemorySegment.ofArray(content), 0, values.length);
        return twin(dtype, shape, content, written);
    }

    private Twin floats(int rows, int columns, float[] values, boolean written) {
        MemorySegment content = MemorySegment.ofArray(values);
        return twin(
                DType.F32,
                Shape.matrix(rows, columns),
                content.toArray(ValueLayout.JAVA_BYTE),
                written);
    }

    private Twin ints(int rows, int columns, int[] values, boolean written) {
        MemorySegment content = MemorySegment.ofArray(values);
        return twin(
                DType.I32,
                Shape.matrix(rows, columns),
                content.toArray(ValueLayout.JAVA_BYTE),
                written);
    }

    private Twin twin(DType dtype, Shape shape, byte[] content, boolean written) {
        Buffer buffer = allocate(Twin.bufferBytes(content.length, shift));
        Twin twin = new Twin(buffer, dtype, shape, content, shift, written);
        twins.add(twin);
        return twin;
    }

    /** Scratch memory is made when it is first asked for: most operations need none. */
    private static final class SideOf implements Side {
        private final Function<Twin, Tensor> choice;
        private final LongFunction<Buffer> memory;
        private @Nullable Workspace workspace;

        SideOf(Function<Twin, Tensor> choice, LongFunction<Buffer> memory) {
            this.choice = choice;
            this.memory = memory;
        }

        @Override
        public Tensor of(Twin twin) {
            return choice.apply(twin);
        }

        @Override
        public Workspace workspace() {
            if (workspace == null) {
                workspace = new BufferWorkspace(memory.apply(WORKSPACE_BYTES));
            }
            return workspace;
        }
    }
}
