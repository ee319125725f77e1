package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products on tiles: a row's result depends on whether there are many rows, within what rounding
 * explains, and on nothing else; experts get their own tokens.
 */
class AmxProductsTest {
    private static final int COLUMNS = 768;
    private static final int WEIGHT_ROWS = 83;
    private static final int ROWS = 70;

    /** Rows up to which no type goes to tiles, and from which on all of them do. */
    private static final int FEW = 8;

    private static final int MANY = 25;

    @Test
    void rowsOfTilesDoNotDependOnTheirCompany() {
        Set<DType> types = EnumSet.copyOf(NativeKernels.quantized());
        types.add(DType.BF16);
        types.add(DType.F16);
        int cases = 0;
        try (Backend one = Backends.openOrSkip("amx", 1);
                Backend three = Backends.openOrSkip("amx", 3)) {
            for (DType dtype : types) {
                float[] expected = product(one, dtype, 0, ROWS);
                for (Backend backend : new Backend[] {one, three}) {
                    for (int[] part : new int[][] {{0, 1}, {3, FEW}, {0, MANY}, {5, 33}, {1, 69}}) {
                        float[] result = product(backend, dtype, part[0], part[1]);
                        float[] same =
                                Arrays.copyOfRange(
                                        expected,
                                        part[0] * WEIGHT_ROWS,
                                        (part[0] + part[1]) * WEIGHT_ROWS);
                        String rows = dtype + ", rows " + Arrays.toString(part);
                        if (part[1] >= MANY) {
                            assertArrayEquals(same, result, rows);
                        } else {
                            assertTrue(difference(same, result) < 2e-2, rows);
                        }
                        cases++;
                    }
                }
            }
        }
        System.out.printf("products on tiles in company: %d cases%n", cases);
    }

    @Test
    void bytesAreAChoiceWithALargerError() {
        Backends.openOrSkip("amx", 1).close();
        try (Backend exact = open(Map.of("kernels", "vector"), true);
                Backend bytes = open(Map.of("kernels", "amx", "amx-precision", "int8"), false);
                Backend brains = open(Map.of("kernels", "amx"), false)) {
            for (DType dtype : NativeKernels.quantized()) {
                float[] expected = product(exact, dtype, 0, ROWS);
                double ofBytes = difference(expected, product(bytes, dtype, 0, ROWS));
                double ofBrains = difference(expected, product(brains, dtype, 0, ROWS));
                assertTrue(ofBrains < 4e-3, dtype + ": " + ofBrains);
                assertTrue(ofBytes > ofBrains && ofBytes < 1.5e-2, dtype + ": " + ofBytes);
            }
        }
    }

    @Test
    void exactResultsAreNotRounded() {
        Backends.openOrSkip("amx", 1).close();
        try (Backend exact = open(Map.of("kernels", "amx"), true);
                Backend vector = open(Map.of("kernels", "vector"), true)) {
            for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16, DType.Q4_K}) {
                assertArrayEquals(product(vector, dtype, 0, ROWS), product(exact, dtype, 0, ROWS));
            }
        }
    }

    /** F16 weights are split, not rounded: many rows are as good as few, which are F32. */
    @Test
    void halvesAreNotRounded() {
        try (Backend amx = Backends.openOrSkip("amx", 2);
                Backend exact = open(Map.of("kernels", "amx"), true)) {
            float[] expected = product(exact, DType.F16, 0, ROWS);
            float[] result = product(amx, DType.F16, 0, ROWS);
            double error = difference(expected, result);
            assertTrue(error > 0 && error < 1e-5, "relative error " + error);
        }
    }

    @ParameterizedTest
    @CsvSource({"NaN, bf16", "Infinity, bf16", "NaN, int8", "Infinity, int8"})
    void notNumbersStayInTheirRow(float odd, String precision) {
        Backends.openOrSkip("amx", 1).close();
        try (Backend backend = open(Map.of("kernels", "amx", "amx-precision", precision), false)) {
            Set<DType> types = EnumSet.copyOf(NativeKernels.quantized());
            types.add(DType.F16);
            for (DType dtype : types) {
                float[] usual = product(backend, dtype, 0, ROWS);
                float[] result = product(backend, dtype, 0, ROWS, odd);
                int width = WEIGHT_ROWS;
                for (int i = 0; i < width; i++) {
                    assertTrue(!Float.isFinite(result[i]), dtype + " hides " + odd);
                }
                assertArrayEquals(
                        Arrays.copyOfRange(usual, width, ROWS * width),
                        Arrays.copyOfRange(result, width, ROWS * width));
            }
        }
    }

    /** Few rows an expert and many; types that go to tiles and types that do not. */
    @ParameterizedTest
    @CsvSource({
        "70, Q4_K, Q6_K",
        "70, Q8_0, F16",
        "70, F16, Q8_0",
        "200, Q4_0, Q4_0",
        "3, Q4_K, Q4_K",
        "70, BF16, Q5_K"
    })
    void expertsGetTheirOwnTokens(int rows, DType inner, DType outer) {
        try (Backend amx = Backends.openOrSkip("amx", 3);
                Backend exact = open(Map.of("kernels", "vector"), true)) {
            float[] expected = experts(exact, rows, inner, outer);
            double error = difference(expected, experts(amx, rows, inner, outer));
            assertTrue(error < 5e-2, "relative error " + error);
        }
    }

    /** Six experts: one is chosen by every row, one by none; some choices are not here. */
    private static float[] experts(Backend backend, int rows, DType inner, DType outer) {
        Random random = new Random(11);
        int count = 6;
        int used = 3;
        int width = 512;
        ExpertWeights weights =
                new ExpertWeights(
                        stack(backend, inner, count, width, COLUMNS, random),
                        stack(backend, inner, count, width, COLUMNS, random),
                        stack(backend, outer, count, COLUMNS, width, random),
                        bias(backend, count, width, random),
                        bias(backend, count, width, random),
                        bias(backend, count, COLUMNS, random),
                        GatedActivation.SWIGLU);
        Tensor ids = Tensor.of(DType.I32, rows, used, backend.allocate(4L * rows * used));
        for (int r = 0; r < rows; r++) {
            int[] chosen = {0, 1 + r % 2, r % 5 == 0 ? -1 : 4 + r % 7 / 6};
            MemorySegment.copy(chosen, 0, ids.host(), ValueLayout.JAVA_INT, 4L * used * r, used);
        }
        float[] shares = Samples.normal(random, rows * used, 1);
        float[] values = Samples.normal(random, rows * COLUMNS, 0.1);
        Tensor out = Tensor.of(DType.F32, rows, COLUMNS, backend.allocate(4L * rows * COLUMNS));
        Tensor x = tensor(backend, DType.F32, rows, COLUMNS, bytes(values));
        Tensor routeWeights = tensor(backend, DType.F32, rows, used, bytes(shares));
        Workspace workspace = new BufferWorkspace(backend.allocate(1 << 24));
        backend.kernels().experts(out, x, ids, routeWeights, weights, workspace);
        return out.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    private static Tensor stack(
            Backend backend, DType dtype, int count, int rows, int columns, Random random) {
        byte[] content = Samples.weights(dtype, (long) count * rows * columns, random);
        Tensor flat = tensor(backend, dtype, count * rows, columns, content);
        return new Tensor(dtype, new Shape(count, rows, columns), flat.buffer(), 0);
    }

    private static Tensor bias(Backend backend, int rows, int columns, Random random) {
        byte[] content = bytes(Samples.normal(random, rows * columns, 1));
        return tensor(backend, DType.F32, rows, columns, content);
    }

    private static float[] product(Backend backend, DType dtype, int first, int count) {
        return product(backend, dtype, first, count, 0);
    }

    /** With another number in the first row, if it is not zero. */
    private static float[] product(
            Backend backend, DType dtype, int first, int count, float other) {
        byte[] blocks = Samples.weights(dtype, (long) WEIGHT_ROWS * COLUMNS, new Random(3));
        Tensor weight = tensor(backend, dtype, WEIGHT_ROWS, COLUMNS, blocks);
        float[] rows = Samples.normal(new Random(5), ROWS * COLUMNS, 1);
        float[] some = Arrays.copyOfRange(rows, first * COLUMNS, (first + count) * COLUMNS);
        if (other != 0) {
            some[300] = other;
        }
        Tensor x = tensor(backend, DType.F32, count, COLUMNS, bytes(some));
        Tensor out =
                Tensor.of(
                        DType.F32, count, WEIGHT_ROWS, backend.allocate(4L * count * WEIGHT_ROWS));
        backend.kernels().matmul(out, x, weight);
        return out.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    /** The root mean square of the differences, relative to that of the numbers. */
    private static double difference(float[] expected, float[] actual) {
        double differences = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = (double) actual[i] - expected[i];
            differences += difference * difference;
            squares += (double) expected[i] * expected[i];
        }
        return Math.sqrt(differences / squares);
    }

    private static Backend open(Map<String, String> options, boolean exact) {
        return new CpuSimdBackendProvider().open(new BackendOptions("cpu", exact, options));
    }

    private static byte[] bytes(float[] values) {
        return MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE);
    }

    private static Tensor tensor(
            Backend backend, DType dtype, int rows, int columns, byte[] content) {
        Tensor tensor = Tensor.of(dtype, rows, columns, backend.allocate(content.length));
        tensor.buffer().write(0, MemorySegment.ofArray(content));
        return tensor;
    }
}
