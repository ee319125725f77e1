package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Results do not depend on who computes them and together with what, bit for bit: threads, vector
 * width, warmth of the compiler, other rows of the batch, chunks of a prompt.
 */
class InvarianceTest {
    private static final int LENGTH = 24;
    private static final int SEQUENCES = 3;
    private static final int PAGES_OF_SEQUENCE = 2;

    @ParameterizedTest
    @CsvSource({
        "vector, 128, 1, Q8_0",
        "vector, 256, 2, Q8_0",
        "vector, 512, 3, Q8_0",
        "adaptive, 256, 2, Q8_0",
        "adaptive, 128, 3, F16",
        "vector, 256, 1, Q4_0",
        "adaptive, 512, 2, Q4_0",
        "native, 256, 2, Q8_0",
        "native, 256, 3, Q4_0",
        "native, 256, 3, F16"
    })
    void aModelGivesTheSameLogits(String kernels, int bits, int threads, DType dtype) {
        float[] expected;
        String natives = Backends.bestWithoutTiles();
        String sameNumbers = kernels.equals("native") ? natives : "vector";
        try (Backend backend =
                kernels.equals("adaptive")
                        ? Backends.openExact(256, 1)
                        : Backends.open(sameNumbers, 256, 1)) {
            expected = oneByOne(backend, dtype, 1);
        }
        try (Backend backend =
                kernels.equals("adaptive")
                        ? Backends.openExact(bits, threads)
                        : Backends.open(
                                kernels.equals("native") ? natives : kernels, bits, threads)) {
            assertArrayEquals(expected, oneByOne(backend, dtype, 1), "token by token");
            assertArrayEquals(expected, atOnce(backend, dtype), "the whole prompt at once");
            assertArrayEquals(expected, oneByOne(backend, dtype, 5), "in chunks of five");
            assertArrayEquals(expected, together(backend, dtype), "in company");
        }
    }

    /** Logits of sequence 0, its prompt fed in chunks. */
    private static float[] oneByOne(Backend backend, DType dtype, int chunk) {
        TinyModel model = new TinyModel(backend, dtype, SEQUENCES * PAGES_OF_SEQUENCE);
        BatchLayout layout = new BatchLayout(1);
        float[] all = new float[0];
        for (int first = 0; first < LENGTH; first += chunk) {
            int rows = Math.min(chunk, LENGTH - first);
            layout.clear();
            layout.add(rows, first + rows, pages(0));
            int[] at = IntStream.range(first, first + rows).toArray();
            all = joined(all, model.forward(tokens(0, at), at, slots(0, at), layout));
        }
        return all;
    }

    private static float[] atOnce(Backend backend, DType dtype) {
        return oneByOne(backend, dtype, LENGTH);
    }

    /** As {@link #oneByOne}, while two other sequences are computed, at other places in them. */
    private static float[] together(Backend backend, DType dtype) {
        TinyModel model = new TinyModel(backend, dtype, SEQUENCES * PAGES_OF_SEQUENCE);
        BatchLayout layout = new BatchLayout(SEQUENCES);
        float[] all = new float[0];
        for (int i = 0; i < LENGTH; i++) {
            layout.clear();
            // Sequence 1 is fed three rows a step, then again from its start; 2 one row.
            int second = i * 3 % LENGTH;
            layout.add(3, second + 3, pages(1));
            layout.add(1, i + 1, pages(0));
            layout.add(1, i + 1, pages(2));
            int[] at = {second, second + 1, second + 2, i, i};
            int[] ids = joined(tokens(1, Arrays.copyOf(at, 3)), tokens(0, i), tokens(2, i));
            int[] slots = joined(slots(1, Arrays.copyOf(at, 3)), slots(0, i), slots(2, i));
            float[] logits = model.forward(ids, at, slots, layout);
            int width = logits.length / at.length;
            all = joined(all, Arrays.copyOfRange(logits, 3 * width, 4 * width));
        }
        return all;
    }

    @Test
    void longSequencesMaySplit() {
        try (Backend one = Backends.open("vector", 256, 1);
                Backend three = Backends.open("vector", 256, 3)) {
            for (int window : new int[] {0, 100, 1000}) {
                float[] alone = lastRow(one, DType.F32, 1, window);
                assertNumbers(alone);
                assertSplitsAre(alone, one, three, DType.F32, window);
            }
        }
    }

    /** Over a cache of halves operands are rounded: to the same bits on every instruction set. */
    @Test
    void longSequencesMaySplitOnEveryInstructionSet() {
        for (int window : new int[] {0, 100, 1000}) {
            float[] expected = new float[0];
            for (NativeLibrary.Set set : NativeLibrary.Set.values()) {
                if (NativeLibrary.find().map(library -> !library.runs(set)).orElse(true)) {
                    System.out.println("skipped: instruction set " + set.label());
                    continue;
                }
                try (Backend one = Backends.open(set.key(), 256, 1);
                        Backend three = Backends.open(set.key(), 256, 3)) {
                    float[] alone = lastRow(one, DType.F16, 1, window);
                    assertNumbers(alone);
                    expected = expected.length == 0 ? alone : expected;
                    assertArrayEquals(expected, alone, set.label());
                    assertSplitsAre(alone, one, three, DType.F16, window);
                }
            }
        }
    }

    private static void assertNumbers(float[] values) {
        assertTrue(IntStream.range(0, values.length).noneMatch(i -> Float.isNaN(values[i])));
    }

    private static void assertSplitsAre(
            float[] alone, Backend one, Backend three, DType cache, int window) {
        assertArrayEquals(alone, lastRow(three, cache, 1, window), "split over segments");
        assertArrayEquals(alone, lastRow(one, cache, 40, window), "with other rows");
        assertArrayEquals(alone, lastRow(three, cache, 40, window), "with other rows, split");
        assertArrayEquals(alone, lastRow(one, cache, 3, window), "with a few other rows");
    }

    /** Attention of the last row of a sequence of 2,000, computed with {@code rows - 1} others. */
    private static float[] lastRow(Backend backend, DType cache, int rows, int window) {
        int length = 2000;
        int width = 24;
        int heads = 4;
        int page = 32;
        int pages = (length + page - 1) / page;
        Random random = new Random(7);
        Tensor keys = inCache(backend, cache, filled(backend, random, pages, page, width));
        Tensor values = inCache(backend, cache, filled(backend, random, pages, page, width));
        Tensor sinks = filled(backend, random, 1, 1, heads);
        Tensor all = filled(backend, random, 1, 40, heads * width);
        Tensor q = all.slice(40 - rows, rows);
        Tensor out = filled(backend, random, 1, rows, heads * width);
        BatchLayout layout = new BatchLayout(1);
        layout.add(rows, length, IntStream.range(0, pages).toArray());
        AttentionPlan plan = new AttentionPlan(heads, 1, width, width, 0.2f, window, 0f, sinks);
        backend.kernels().attention(out, q, new KvPages(keys, values, page), plan, layout);
        backend.synchronize();
        float[] results = out.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        return Arrays.copyOfRange(results, (rows - 1) * heads * width, rows * heads * width);
    }

    private static Tensor inCache(Backend backend, DType cache, Tensor floats) {
        if (cache == DType.F32) {
            return floats;
        }
        float[] values = floats.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        short[] halves = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            halves[i] = Float.floatToFloat16(values[i]);
        }
        Buffer buffer = backend.allocate(2L * halves.length);
        buffer.write(0, MemorySegment.ofArray(halves));
        return new Tensor(DType.F16, floats.shape(), buffer, 0);
    }

    private static Tensor filled(Backend backend, Random random, int count, int rows, int columns) {
        float[] values = new float[count * rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Buffer buffer = backend.allocate(4L * values.length);
        buffer.write(0, MemorySegment.ofArray(values));
        Objects.requireNonNull(buffer.host());
        return new Tensor(DType.F32, new Shape(count, rows, columns), buffer, 0);
    }

    private static int[] pages(int sequence) {
        // Not in order, and not side by side.
        return new int[] {sequence + SEQUENCES, sequence};
    }

    private static int[] slots(int sequence, int... positions) {
        return Arrays.stream(positions)
                .map(p -> pages(sequence)[p / TinyModel.PAGE] * TinyModel.PAGE + p % TinyModel.PAGE)
                .toArray();
    }

    private static int[] tokens(int sequence, int... positions) {
        return Arrays.stream(positions).map(p -> (p * 37 + sequence * 101) % 1000).toArray();
    }

    private static int[] joined(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    private static float[] joined(float[] a, float[] b) {
        float[] both = Arrays.copyOf(a, a.length + b.length);
        System.arraycopy(b, 0, both, a.length, b.length);
        return both;
    }
}
