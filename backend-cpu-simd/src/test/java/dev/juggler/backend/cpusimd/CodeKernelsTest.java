package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Products of integer codes are the same bit for bit in plain and vector loops of every width, for
 * one row of x and many, and in the native kernels.
 */
class CodeKernelsTest {
    private static final int WEIGHT_ROWS = 37;
    private static final int ROWS = 23;

    @ParameterizedTest
    @ValueSource(ints = {128, 256, 512})
    void plainAndVectorLoopsAgree(int bits) {
        CodeLoops vector = LaneKernelSets.vector(bits).codes();
        CodeLoops plain = new ScalarCodeLoops(vector.height());
        CodeLoops otherHeight = new ScalarCodeLoops(5);
        int cases = 0;
        for (DType dtype : CodeFormat.types()) {
            for (int columns : columns(dtype)) {
                float[] expected = product(plain, dtype, columns, 0, ROWS);
                for (int[] part : new int[][] {{0, ROWS}, {0, 1}, {5, 1}, {3, 2}, {7, 3}, {9, 6}}) {
                    float[] rows =
                            Arrays.copyOfRange(
                                    expected,
                                    part[0] * WEIGHT_ROWS,
                                    (part[0] + part[1]) * WEIGHT_ROWS);
                    String what = dtype + " x " + columns + ", rows " + Arrays.toString(part);
                    assertArrayEquals(
                            rows, product(vector, dtype, columns, part[0], part[1]), what);
                    assertArrayEquals(
                            rows, product(otherHeight, dtype, columns, part[0], part[1]), what);
                    cases++;
                }
            }
        }
        System.out.printf("products of codes at %d bits: %d cases agree%n", bits, cases);
    }

    @Test
    void formsMayChangeWhileTheyWarmUp() {
        CodeLoops adaptive = new AdaptiveCodeLoops(LaneKernelSets.vector(256).codes());
        for (DType dtype : CodeFormat.types()) {
            float[] expected = product(new ScalarCodeLoops(8), dtype, 256, 0, ROWS);
            for (int i = 0; i < 60; i++) {
                assertArrayEquals(expected, product(adaptive, dtype, 256, 0, ROWS), dtype + "");
            }
        }
    }

    @Test
    void nativeKernelsAgree() {
        try (Backend natives = Backends.openOrSkip(Backends.bestWithoutTiles(), 2);
                Backend vector = Backends.open("vector", 256, 2)) {
            for (DType dtype : CodeFormat.types()) {
                for (int columns : columns(dtype)) {
                    assertArrayEquals(
                            product(natives, dtype, columns),
                            product(vector, dtype, columns),
                            dtype + " x " + columns);
                }
            }
        }
    }

    @Test
    void notNumbersStay() {
        try (Backend vector = Backends.open("vector", 256, 1)) {
            for (DType dtype : CodeFormat.types()) {
                for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
                    Tensor weight = weight(vector, dtype, 768);
                    float[] values = Samples.normal(new Random(5), 768, 1);
                    values[300] = odd;
                    Tensor x = floats(vector, 1, values);
                    Tensor out = floats(vector, 1, new float[WEIGHT_ROWS]);
                    vector.kernels().matmul(out, x, weight);
                    for (float value : out.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)) {
                        assertTrue(!Float.isFinite(value), dtype + " hides " + odd);
                    }
                }
            }
        }
    }

    @Test
    void oddScalesStay() {
        int cases = 0;
        for (CodeFormat format : CodeFormat.values()) {
            DType dtype = format.dtype();
            // Of -0, subnormals, infinity, no number; or the smallest and largest powers of two.
            int[] scales =
                    dtype == DType.MXFP4
                            ? new int[] {0, 1, 2, 254, 255}
                            : new int[] {0x8000, 0x0001, 0x83FF, 0x7BFF, 0x7C00, 0xFC00, 0x7E00};
            for (int scale : scales) {
                byte[] blocks = Samples.weights(dtype, WEIGHT_ROWS * 512L, new Random(3));
                for (int at = 0; at < blocks.length; at += 3 * dtype.blockBytes()) {
                    int to = at + scaleAt(dtype);
                    blocks[to] = (byte) scale;
                    if (dtype != DType.MXFP4) {
                        blocks[to + 1] = (byte) (scale >> 8);
                    }
                    if (format.hasMinimums() && at % 2 == 0) {
                        blocks[to + 2] = (byte) scale;
                        blocks[to + 3] = (byte) (scale >> 8);
                    }
                }
                for (int count : new int[] {1, 3, 6}) {
                    assertArrayEquals(
                            product(new ScalarCodeLoops(8), dtype, blocks, 512, 4, count),
                            product(
                                    LaneKernelSets.vector(256).codes(),
                                    dtype,
                                    blocks,
                                    512,
                                    4,
                                    count),
                            dtype + " scaled by " + Integer.toHexString(scale));
                    cases++;
                }
            }
        }
        System.out.printf("products of codes with odd scales: %d cases agree%n", cases);
    }

    /** Where the scale of a block is. */
    private static int scaleAt(DType dtype) {
        return switch (dtype) {
            case Q2_K -> 80;
            case Q3_K -> 108;
            case Q6_K -> 208;
            default -> 0;
        };
    }

    private static int[] columns(DType dtype) {
        return dtype.blockElements() == 32
                ? new int[] {32, 256, 288, 736, 2880, 4128}
                : new int[] {256, 768, 2048, 4352};
    }

    private static float[] product(Backend backend, DType dtype, int columns) {
        Tensor x = floats(backend, ROWS, Samples.normal(new Random(5), ROWS * columns, 1));
        Tensor out = floats(backend, ROWS, new float[ROWS * WEIGHT_ROWS]);
        backend.kernels().matmul(out, x, weight(backend, dtype, columns));
        return out.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    private static Tensor weight(Backend backend, DType dtype, int columns) {
        byte[] blocks = Samples.weights(dtype, (long) WEIGHT_ROWS * columns, new Random(3));
        Tensor weight =
                Tensor.of(dtype, WEIGHT_ROWS, columns, backend.allocate((long) blocks.length));
        weight.buffer().write(0, MemorySegment.ofArray(blocks));
        return weight;
    }

    private static Tensor floats(Backend backend, int rows, float[] values) {
        Tensor tensor =
                Tensor.of(
                        DType.F32,
                        rows,
                        values.length / rows,
                        backend.allocate(4L * values.length));
        tensor.buffer().write(0, MemorySegment.ofArray(values));
        return tensor;
    }

    /** Products of rows {@code [first, first + count)} of the same x with the same weight. */
    private static float[] product(
            CodeLoops loops, DType dtype, int columns, int first, int count) {
        byte[] blocks = Samples.weights(dtype, (long) WEIGHT_ROWS * columns, new Random(3));
        return product(loops, dtype, blocks, columns, first, count);
    }

    private static float[] product(
            CodeLoops loops, DType dtype, byte[] blocks, int columns, int first, int count) {
        CodeKernels kernels = new CodeKernels(loops, new PanelKernels(new ScalarKernels()));
        float[] values = Samples.normal(new Random(5), ROWS * columns, 1);
        Tensor x =
                Tensor.of(
                        DType.F32,
                        ROWS,
                        columns,
                        HostBuffer.adopt(
                                MemorySegment.ofArray(
                                        MemorySegment.ofArray(values)
                                                .toArray(ValueLayout.JAVA_BYTE))));
        Inputs inputs = new Inputs();
        inputs.shape(ROWS, columns);
        inputs.shapeRounded(ROWS, kernels.roundedBlock(dtype));
        for (int row = 0; row < ROWS; row++) {
            inputs.load(x, row, row);
            inputs.round(row);
        }
        WeightRows weight = new WeightRows();
        weight.point(
                Tensor.of(
                        dtype,
                        WEIGHT_ROWS,
                        columns,
                        HostBuffer.adopt(MemorySegment.ofArray(blocks))));
        float[] out = new float[count * WEIGHT_ROWS];
        kernels.multiply(weight, 0, WEIGHT_ROWS, inputs, first, count, out, new WorkerScratch());
        return out;
    }
}
