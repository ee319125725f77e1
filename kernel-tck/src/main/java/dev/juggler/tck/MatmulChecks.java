package dev.juggler.tck;

import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DynamicTest;

/** Table look-ups and matrix products in every weight type. */
final class MatmulChecks {
    private static final int[] ROWS = {1, 2, 7, 64};
    private static final int[] SIZES = {1, 31, 32, 33, 255, 256, 257};
    private static final int LONG = 4096;

    /** Multiplications above which a case would only cost time. */
    private static final long MOST_WORK = 1_100_000;

    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private MatmulChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        MatmulChecks checks = new MatmulChecks(subject);
        for (DType dtype : subject.kernels().weightTypes()) {
            for (int width : widths(dtype)) {
                checks.addEmbed(dtype, 1, width);
                checks.addEmbed(dtype, 7, width);
                checks.addMatmuls(dtype, width);
            }
            checks.addMatmul(dtype, 64, 257, 512);
            // Rows of most types are an even number of bytes, those of MXFP4 are not.
            int odd = dtype.blockBytes() % 2 == 0 ? 2 : 17;
            checks.addView(dtype, dtype.isQuantized() ? odd : dtype.blockBytes());
            checks.addView(dtype, 32);
        }
        return checks.tests;
    }

    /** Widths that are awkward and whole blocks of the type. */
    static Set<Integer> widths(DType dtype) {
        Set<Integer> widths = new LinkedHashSet<>();
        for (int size : SIZES) {
            int block = dtype.blockElements();
            widths.add((size + block - 1) / block * block);
        }
        widths.add(3 * 256);
        widths.add(LONG);
        return widths;
    }

    private void addEmbed(DType dtype, int rows, int width) {
        String name = "embed %s [%d, %d]".formatted(dtype, rows, width);
        int vocabulary = 11;
        tests.add(
                subject.test(
                        name,
                        t -> {
                            Twin table = t.weight(dtype, 1, vocabulary, width);
                            int[] picked = t.random().ints(rows, 0, vocabulary).toArray();
                            picked[0] = vocabulary - 1;
                            Twin ids = t.ints(1, rows, picked);
                            Twin out = t.output(rows, width);
                            t.run((kernels, side) ->
                                    kernels.embed(side.of(out), side.of(table), side.of(ids)));
                            t.assertClose(out, Operation.EMBED, dtype);
                        }));
    }

    private void addMatmuls(DType dtype, int k) {
        for (int n : SIZES) {
            for (int rows : ROWS) {
                if (isWorth(rows, n, k)) {
                    addMatmul(dtype, rows, n, k);
                }
            }
        }
    }

    private void addMatmul(DType dtype, int rows, int n, int k) {
        String shapes = "[%d, %d] x [%d, %d]".formatted(rows, k, n, k);
        tests.add(
                subject.test(
                        "matmul %s %s".formatted(dtype, shapes),
                        t -> multiply(t, t.floats(rows, k), t.weight(dtype, 1, n, k))));
    }

    /** Each size with several others, not with all, and little that is merely large. */
    private static boolean isWorth(int rows, int n, int k) {
        boolean varied = (n + k + rows) % 4 == 0 || n == 33 || k == LONG;
        return varied && (long) rows * n * k <= MOST_WORK;
    }

    /** Tensors that begin anywhere: rows of a larger matrix, a tensor in the middle of a file. */
    private void addView(DType dtype, int shift) {
        int k = 3 * 256;
        tests.add(
                subject.test(
                        "matmul %s, weight %d bytes off".formatted(dtype, shift),
                        t -> {
                            Twin weight = t.shiftedBy(shift).weight(dtype, 1, 5, k);
                            Twin x = t.shiftedBy(4).floats(3, k);
                            multiply(t.shiftedBy(12), x, weight);
                        }));
    }

    private static void multiply(Trial t, Twin x, Twin weight) {
        Twin out = t.output(x.device.rows(), weight.device.rows());
        t.run((kernels, side) -> kernels.matmul(side.of(out), side.of(x), side.of(weight)));
        double[] scales = productScales(x, weight);
        t.assertClose(out, scales, Operation.MATMUL, weight.device.dtype());
    }

    /** |x|·|w| / sqrt(k) for every row of {@code x} and every row of {@code weight}. */
    private static double[] productScales(Twin x, Twin weight) {
        double[] left = norms(x);
        double[] right = norms(weight);
        double[] scales = new double[left.length * right.length];
        for (int i = 0; i < scales.length; i++) {
            scales[i] =
                    left[i / right.length]
                            * right[i % right.length]
                            / Math.sqrt(x.device.columns());
        }
        return scales;
    }

    /** The Euclidean norm of every row of a matrix or a stack. */
    static double[] norms(Twin twin) {
        float[] values = twin.values();
        int width = twin.device.columns();
        double[] norms = new double[values.length / width];
        for (int r = 0; r < norms.length; r++) {
            double squares = 0;
            for (int i = r * width; i < (r + 1) * width; i++) {
                squares += (double) values[i] * values[i];
            }
            norms[r] = Math.sqrt(squares);
        }
        return norms;
    }
}
