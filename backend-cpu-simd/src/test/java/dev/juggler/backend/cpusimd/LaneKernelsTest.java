package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.quant.BlockFormats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The vector loops at each width and the native loops agree bit for bit with the plain loops that
 * define them.
 */
class LaneKernelsTest {
    private final Random random = new Random(11);
    private final LaneKernels scalar = new ScalarKernels();

    /** Vector loops at each width, and the native loops that this machine can run. */
    static Stream<Arguments> fast() {
        Stream<Named<LaneKernels>> vector =
                Stream.of(128, 256, 512)
                        .map(bits -> Named.of(bits + " bits", LaneKernelSets.vector(bits)));
        Stream<Named<LaneKernels>> natives =
                NativeLibrary.find().stream()
                        .flatMap(library ->
                                Stream.of(NativeLibrary.Set.values()).filter(library::runs))
                        .map(set -> Named.of(set.label(), new NativeLoops(set)));
        if (NativeLibrary.find().isEmpty()) {
            System.out.println("native loops are not tested: " + NativeLibrary.reason());
        }
        // Wrapped, so that the name arrives with the loops.
        return Stream.concat(vector, natives)
                .map(named -> Arguments.of((Object) Named.of(named.getName(), named)));
    }

    @ParameterizedTest
    @MethodSource("fast")
    void dotProductsAgree(Named<LaneKernels> named) {
        LaneKernels vector = named.getPayload();
        for (int length : new int[] {16, 48, 512}) {
            float[] w = values(7 * 528);
            float[] x = values(3 * 528);
            float[] start = values(2 * LaneKernels.PANEL_ROWS * LaneKernels.LANES + 5);
            float[] expected = start.clone();
            float[] actual = start.clone();
            scalar.dotPairs(w, 3, 528, x, 2, 531, length, expected, 5);
            vector.dotPairs(w, 3, 528, x, 2, 531, length, actual, 5);
            assertArrayEquals(expected, actual);
            scalar.dots(w, 0, 528, x, 7, length, expected, 1);
            vector.dots(w, 0, 528, x, 7, length, actual, 1);
            assertArrayEquals(expected, actual);
            scalar.dot(w, 9, x, 7, length, expected, 3);
            vector.dot(w, 9, x, 7, length, actual, 3);
            assertArrayEquals(expected, actual);
        }
    }

    @ParameterizedTest
    @MethodSource("fast")
    void sumsOfLanesAgree(Named<LaneKernels> named) {
        for (int count : new int[] {1, 6, 8, 12}) {
            float[] expected = values((count + 3) * LaneKernels.LANES);
            float[] actual = expected.clone();
            scalar.addLanes(expected, count);
            named.getPayload().addLanes(actual, count);
            assertArrayEquals(Arrays.copyOf(expected, count), Arrays.copyOf(actual, count));
        }
    }

    @ParameterizedTest
    @MethodSource("fast")
    void scaledPairsAgree(Named<LaneKernels> named) {
        for (int length : new int[] {16, 48, 512}) {
            float[] w = values(7 * 528);
            float[] x = values(3 * 528);
            float[] lanes = values(2 * LaneKernels.PANEL_ROWS * LaneKernels.LANES);
            float[] expected = values(40);
            float[] actual = expected.clone();
            scalar.scaledPairs(w, 3, 528, x, 2, 531, length, lanes, 0.7f, expected, 1, 20);
            lanes = values(lanes.length);
            named.getPayload()
                    .scaledPairs(w, 3, 528, x, 2, 531, length, lanes, 0.7f, actual, 1, 20);
            assertArrayEquals(expected, actual);
        }
    }

    @ParameterizedTest
    @MethodSource("fast")
    void largestAndSumAgree(Named<LaneKernels> named) {
        LaneKernels vector = named.getPayload();
        for (int count : new int[] {16, 48, 192}) {
            float[] values = values(count + 7);
            for (int i = 0; i < values.length; i++) {
                // What is around is larger, and must not count.
                values[i] = i < 3 || i >= count + 3 ? 1000f : values[i];
            }
            assertEquals(scalar.sum(values, 3, count), vector.sum(values, 3, count));
            for (float shift : new float[] {0, 9, -9}) {
                for (int place : new int[] {3, 10, count + 2}) {
                    float[] shifted = values.clone();
                    for (int i = 3; i < count + 3; i++) {
                        shifted[i] += shift;
                    }
                    for (float odd : new float[] {8f, Float.POSITIVE_INFINITY, Float.NaN}) {
                        shifted[place] = odd;
                        float expected = scalar.largest(shifted, 3, count);
                        assertEquals(expected, vector.largest(shifted, 3, count));
                    }
                    shifted[place] = Float.intBitsToFloat(0xFFC00000);
                    assertEquals(Float.NaN, vector.largest(shifted, 3, count));
                }
            }
        }
        float[] zeros = new float[16];
        Arrays.fill(zeros, -0f);
        assertEquals(-0f, vector.largest(zeros, 0, 16));
        zeros[5] = 0f;
        assertEquals(0f, vector.largest(zeros, 0, 16));
        Arrays.fill(zeros, Float.NEGATIVE_INFINITY);
        assertEquals(Float.NEGATIVE_INFINITY, vector.largest(zeros, 0, 16));
    }

    @ParameterizedTest
    @MethodSource("fast")
    void weightedSumsAndExponentialsAgree(Named<LaneKernels> named) {
        LaneKernels vector = named.getPayload();
        for (int width : new int[] {16, 48, 64, 144, 208}) {
            float[] factors = values(20);
            float[] rows = values(20 * width);
            float[] expected = values(width + 3);
            float[] actual = expected.clone();
            scalar.addWeightedRows(factors, 1, 19, rows, 0, width, expected, 3, width);
            vector.addWeightedRows(factors, 1, 19, rows, 0, width, actual, 3, width);
            assertArrayEquals(expected, actual);
        }
        float[] expected = wideRange();
        float[] actual = expected.clone();
        scalar.exp(expected, 0, expected.length, 0.25f);
        vector.exp(actual, 0, actual.length, 0.25f);
        assertArrayEquals(expected, actual);
    }

    @ParameterizedTest
    @MethodSource("fast")
    void gatesAgree(Named<LaneKernels> named) {
        LaneKernels vector = named.getPayload();
        float[] up = wideRange();
        float[] expected = wideRange();
        float[] actual = expected.clone();
        scalar.gate(expected, 0, up, 0, up.length, 1.702f, 7f, 1f);
        vector.gate(actual, 0, up, 0, up.length, 1.702f, 7f, 1f);
        assertArrayEquals(expected, actual);
    }

    @ParameterizedTest
    @MethodSource("fast")
    void decodersAgreeWithTheFormats(Named<LaneKernels> named) {
        LaneKernels vector = named.getPayload();
        WorkerScratch scratch = new WorkerScratch();
        int checked = 0;
        for (DType dtype : BlockFormats.types()) {
            RowDecoder decoder = vector.decoder(dtype);
            if (decoder == null) {
                decoder = scalar.decoder(dtype);
            }
            if (decoder == null) {
                throw new AssertionError("no decoder for " + dtype);
            }
            int elements = WorkerScratch.RUN;
            // The blocks end where the memory ends, and start at an odd place.
            byte[] bytes = new byte[(int) dtype.bytes(elements) + 1];
            for (int round = 0; round < 4; round++) {
                random.nextBytes(bytes);
                float[] expected = new float[elements + 1];
                float[] actual = new float[elements + 1];
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment memory = arena.allocate(bytes.length, 64);
                    MemorySegment.copy(
                            bytes,
                            0,
                            memory,
                            java.lang.foreign.ValueLayout.JAVA_BYTE,
                            0,
                            bytes.length);
                    BlockFormats.of(dtype).dequantize(memory, 1, expected, 1, elements);
                    decoder.decode(memory, 1, actual, 1, elements, scratch);
                }
                assertArrayEquals(expected, actual, dtype + " of " + named.getName());
                checked++;
            }
        }
        assertEquals(4 * BlockFormats.types().size(), checked);
        System.out.printf("decoders of %s: %d runs of blocks agree%n", named.getName(), checked);
    }

    private float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** From far below to far above what the exponential function can do, and what is no number. */
    private float[] wideRange() {
        float[] values = values(4096);
        for (int i = 0; i < values.length; i++) {
            values[i] *= i % 3 == 0 ? 100 : 10;
        }
        values[0] = Float.NaN;
        values[1] = Float.POSITIVE_INFINITY;
        values[2] = Float.NEGATIVE_INFINITY;
        values[3] = -0f;
        values[4] = 0f;
        return values;
    }
}
