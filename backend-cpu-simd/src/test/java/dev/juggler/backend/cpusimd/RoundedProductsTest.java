package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.quant.BlockFormats;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Native products of quantized weights lose nothing but what rounding the activations costs: they
 * are those of the weights' definition with the rounded row, in double, to the precision of F32.
 * The conformance kit, which compares with the row as it was, cannot see errors below a hundredth.
 */
class RoundedProductsTest {
    private static final int WEIGHT_ROWS = 21;
    private static final int[] ROWS = {1, 3, 4, 11};

    /** As the kit allows sums in F32; of |x| · |w| / sqrt(k). */
    private static final double ALLOWED = 1e-5;

    @Test
    void roundingIsAllThatIsLost() {
        int cases = 0;
        try (Backend backend = Backends.openOrSkip(Backends.bestWithoutTiles(), 2)) {
            for (DType dtype : NativeKernels.quantized()) {
                for (int columns : new int[] {dtype.blockElements(), 1280, 4096}) {
                    for (int rows : ROWS) {
                        check(backend, dtype, rows, columns);
                        cases++;
                    }
                }
            }
        }
        System.out.printf("native products of rounded rows: %d cases, %d exact%n", cases, cases);
    }

    private static void check(Backend backend, DType dtype, int rows, int columns) {
        Random random = new Random(31L * columns + rows);
        float[] x = Samples.normal(random, rows * columns, 1);
        byte[] blocks = Samples.weights(dtype, (long) WEIGHT_ROWS * columns, random);
        float[] weight = new float[WEIGHT_ROWS * columns];
        BlockFormats.of(dtype)
                .dequantize(MemorySegment.ofArray(blocks), 0, weight, 0, weight.length);
        float[] actual = product(backend, dtype, blocks, x, rows);
        double[] rounded = rounded(x, dtype.blockElements());
        for (int i = 0; i < actual.length; i++) {
            int row = i / WEIGHT_ROWS * columns;
            int of = i % WEIGHT_ROWS * columns;
            double sum = 0;
            double squares = 0;
            double weightSquares = 0;
            for (int k = 0; k < columns; k++) {
                sum += rounded[row + k] * weight[of + k];
                squares += rounded[row + k] * rounded[row + k];
                weightSquares += (double) weight[of + k] * weight[of + k];
            }
            double scale = Math.sqrt(squares * weightSquares / columns);
            String what = "%s, %d rows of %d, result %d".formatted(dtype, rows, columns, i);
            assertEquals(sum, actual[i], ALLOWED * scale, what);
        }
    }

    /** Each block as bytes of largest magnitude 127, times what makes them the values again. */
    private static double[] rounded(float[] x, int block) {
        double[] rounded = new double[x.length];
        for (int from = 0; from < x.length; from += block) {
            float most = 0;
            for (int i = from; i < from + block; i++) {
                most = Math.max(most, Math.abs(x[i]));
            }
            float factor = 127 / most;
            for (int i = from; i < from + block; i++) {
                rounded[i] = Math.rint((double) x[i] * factor) * (most / 127);
            }
        }
        return rounded;
    }

    private static float[] product(
            Backend backend, DType dtype, byte[] blocks, float[] x, int rows) {
        int columns = x.length / rows;
        Tensor weight =
                Tensor.of(dtype, WEIGHT_ROWS, columns, backend.allocate((long) blocks.length));
        weight.buffer().write(0, MemorySegment.ofArray(blocks));
        Tensor in = Tensor.of(DType.F32, rows, columns, backend.allocate(4L * x.length));
        in.buffer().write(0, MemorySegment.ofArray(x));
        Tensor out =
                Tensor.of(DType.F32, rows, WEIGHT_ROWS, backend.allocate(4L * rows * WEIGHT_ROWS));
        backend.kernels().matmul(out, in, weight);
        return out.host().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
}
