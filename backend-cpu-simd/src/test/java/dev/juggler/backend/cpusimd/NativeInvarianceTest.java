package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

/**
 * A native product depends on its row of x and its weight row only, bit for bit: not on the rows
 * beside it, the kernel that serves so many rows, the number of workers or the instruction set.
 * Tiles are another matter, see {@link AmxProductsTest}.
 */
class NativeInvarianceTest {
    private static final int COLUMNS = 768;
    private static final int WEIGHT_ROWS = 83;
    private static final int ROWS = 70;

    @Test
    void rowsDoNotDependOnTheirCompany() {
        Set<DType> types = EnumSet.copyOf(NativeKernels.quantized());
        types.addAll(NativeKernels.floats());
        int cases = 0;
        String kernels = Backends.bestWithoutTiles();
        try (Backend one = Backends.openOrSkip(kernels, 1);
                Backend three = Backends.openOrSkip(kernels, 3)) {
            for (DType dtype : types) {
                float[] expected = product(one, dtype, 0, ROWS);
                for (Backend backend : new Backend[] {one, three}) {
                    for (int[] part : new int[][] {{0, 1}, {5, 1}, {3, 2}, {0, 7}, {40, 30}}) {
                        int from = part[0] * WEIGHT_ROWS;
                        int to = from + part[1] * WEIGHT_ROWS;
                        assertArrayEquals(
                                Arrays.copyOfRange(expected, from, to),
                                product(backend, dtype, part[0], part[1]),
                                dtype + ", rows " + Arrays.toString(part));
                        cases++;
                    }
                }
            }
        }
        System.out.printf("native products in company: %d cases, %d equal%n", cases, cases);
    }

    @Test
    void instructionSetsAgree() {
        NativeLibrary library = NativeLibrary.find().orElse(null);
        if (library == null) {
            Assertions.assertFalse(NativeLibrary.reason().isEmpty());
            System.out.println("skipped: " + NativeLibrary.reason());
            return;
        }
        for (NativeLibrary.Set set : NativeLibrary.Set.values()) {
            if (!library.runs(set) || set == NativeLibrary.Set.AMX) {
                System.out.println("skipped: instruction set " + set.label());
                continue;
            }
            try (Backend backend = Backends.openOrSkip(set.key(), 2);
                    Backend best = Backends.openOrSkip(Backends.bestWithoutTiles(), 1)) {
                for (DType dtype : NativeKernels.quantized()) {
                    assertArrayEquals(
                            product(best, dtype, 0, ROWS), product(backend, dtype, 0, ROWS));
                }
            }
        }
    }

    /** Where activations are not rounded: as Java's panels have it, row by row and together. */
    @Test
    void exactProductsAreThoseOfJava() {
        int cases = 0;
        for (NativeLibrary.Set set : NativeLibrary.Set.values()) {
            if (NativeLibrary.find().map(library -> !library.runs(set)).orElse(true)) {
                System.out.println("skipped: instruction set " + set.label());
                continue;
            }
            try (Backend natives = Backends.openExact(set.key(), 3);
                    Backend java = Backends.openExact("vector", 2)) {
                Set<DType> types = EnumSet.copyOf(NativeKernels.quantized());
                types.addAll(NativeKernels.floats());
                for (DType dtype : types) {
                    float[] expected = product(java, dtype, 0, ROWS);
                    for (int[] part : new int[][] {{0, ROWS}, {3, 1}, {5, 4}, {2, 9}}) {
                        assertArrayEquals(
                                Arrays.copyOfRange(
                                        expected,
                                        part[0] * WEIGHT_ROWS,
                                        (part[0] + part[1]) * WEIGHT_ROWS),
                                product(natives, dtype, part[0], part[1]),
                                set.label() + " " + dtype + ", rows " + Arrays.toString(part));
                        cases++;
                    }
                }
            }
        }
        System.out.printf("exact native products: %d cases, %d equal%n", cases, cases);
    }

    @Test
    void notNumbersStay() {
        try (Backend backend = Backends.openOrSkip("auto", 1)) {
            for (DType dtype : NativeKernels.quantized()) {
                for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
                    Tensor x = tensor(backend, DType.F32, 1, COLUMNS, rows(1));
                    x.host().setAtIndex(ValueLayout.JAVA_FLOAT, 300, odd);
                    float[] result = product(backend, dtype, x);
                    for (float value : result) {
                        assertTrue(!Float.isFinite(value), dtype + " hides " + odd);
                    }
                }
            }
        }
    }

    @Test
    void aSetThatIsNotThereIsRefused() {
        for (NativeLibrary.Set set : NativeLibrary.Set.values()) {
            boolean there = NativeLibrary.find().map(library -> library.runs(set)).orElse(false);
            if (there) {
                try (Backend backend = Backends.openOrSkip(set.key(), 1)) {
                    assertTrue(backend.description().contains(set.label()), backend.description());
                }
            } else {
                BackendException refused =
                        Assertions.assertThrows(
                                BackendException.class, () -> Backends.open(set.key(), 256, 1));
                String message = String.valueOf(refused.getMessage());
                assertTrue(message.contains(set.key()) && message.contains("vector"), message);
            }
        }
        assertEquals(4, NativeLibrary.Set.values().length);
    }

    /** Products of rows {@code [first, first + count)} of the same x with the same weight. */
    private static float[] product(Backend backend, DType dtype, int first, int count) {
        byte[] part =
                Arrays.copyOfRange(rows(ROWS), first * COLUMNS * 4, (first + count) * COLUMNS * 4);
        return product(backend, dtype, tensor(backend, DType.F32, count, COLUMNS, part));
    }

    private static float[] product(Backend backend, DType dtype, Tensor x) {
        byte[] blocks = Samples.weights(dtype, (long) WEIGHT_ROWS * COLUMNS, new Random(3));
        Tensor weight = tensor(backend, dtype, WEIGHT_ROWS, COLUMNS, blocks);
        byte[] none = new byte[x.rows() * WEIGHT_ROWS * Float.BYTES];
        Tensor out = tensor(backend, DType.F32, x.rows(), WEIGHT_ROWS, none);
        backend.kernels().matmul(out, x, weight);
        return out.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    private static byte[] rows(int rows) {
        float[] values = Samples.normal(new Random(5), rows * COLUMNS, 1);
        return MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE);
    }

    private static Tensor tensor(
            Backend backend, DType dtype, int rows, int columns, byte[] content) {
        Tensor tensor = Tensor.of(dtype, rows, columns, backend.allocate(content.length));
        tensor.buffer().write(0, MemorySegment.ofArray(content));
        return tensor;
    }
}
