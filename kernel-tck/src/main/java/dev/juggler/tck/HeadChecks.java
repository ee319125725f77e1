package dev.juggler.tck;

import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;

/** Products with a matrix for each head, straight and transposed. */
final class HeadChecks {
    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private HeadChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        HeadChecks checks = new HeadChecks(subject);
        for (DType dtype : subject.kernels().weightTypes()) {
            int block = dtype.blockElements();
            int k = (33 + block - 1) / block * block;
            checks.add(new Case(dtype, 1, 1, k, 1, 0, 1));
            checks.add(new Case(dtype, 1, 16, k, 40, 7, 33));
            checks.add(new Case(dtype, 7, 3, 2 * k, 31, 1, 30));
            checks.add(new Case(dtype, 64, 5, k, 9, 4, 5));
        }
        checks.add(new Case(DType.F32, 65, 2, 512, 96, 32, 64));
        checks.add(new Case(DType.F32, 130, 2, 17, 600, 3, 590));
        return checks.tests;
    }

    /**
     * @param k elements of a row of a matrix
     * @param m rows of a matrix
     * @param first first row that takes part
     * @param n rows that take part
     */
    private record Case(DType dtype, int rows, int heads, int k, int m, int first, int n) {}

    private void add(Case c) {
        for (boolean shared : new boolean[] {true, false}) {
            String shapes =
                    "%s %d rows of %d heads, rows %d to %d of [%d, %d], %s"
                            .formatted(
                                    c.dtype,
                                    c.rows,
                                    c.heads,
                                    c.first,
                                    c.first + c.n,
                                    c.m,
                                    c.k,
                                    shared ? "a row for all heads" : "a row for each head");
            tests.add(subject.test("matmulByHead " + shapes, t -> straight(t, c, shared)));
            tests.add(
                    subject.test(
                            "matmulByHeadTransposed " + shapes, t -> transposed(t, c, shared)));
        }
    }

    private static void straight(Trial t, Case c, boolean shared) {
        Twin x = t.floats(shared ? c.rows : c.rows * c.heads, c.k);
        Twin stack = t.weight(c.dtype, c.heads, c.m, c.k);
        Twin out = t.output(c.rows * c.heads, c.n);
        t.run((kernels, side) ->
                kernels.matmulByHead(side.of(out), side.of(x), side.of(stack), c.first));
        double[] left = MatmulChecks.norms(x);
        double[] right = MatmulChecks.norms(stack);
        double[] scales = new double[c.rows * c.heads * c.n];
        for (int i = 0; i < scales.length; i++) {
            int row = i / c.n;
            double weight = right[row % c.heads * c.m + c.first + i % c.n];
            scales[i] = left[shared ? row / c.heads : row] * weight / Math.sqrt(c.k);
        }
        t.assertClose(out, scales, Operation.MATMUL_BY_HEAD, c.dtype);
    }

    private static void transposed(Trial t, Case c, boolean shared) {
        Twin x = t.floats(shared ? c.rows : c.rows * c.heads, c.n);
        Twin stack = t.weight(c.dtype, c.heads, c.m, c.k);
        Twin out = t.output(c.rows * c.heads, c.k);
        t.run((kernels, side) ->
                kernels.matmulByHeadTransposed(side.of(out), side.of(x), side.of(stack), c.first));
        double[] left = MatmulChecks.norms(x);
        float[] weights = stack.values();
        double[] scales = new double[c.rows * c.heads * c.k];
        for (int i = 0; i < scales.length; i++) {
            int row = i / c.k;
            double squares = 0;
            for (int j = 0; j < c.n; j++) {
                int at = (row % c.heads * c.m + c.first + j) * c.k + i % c.k;
                squares += (double) weights[at] * weights[at];
            }
            double width = Math.sqrt(c.n);
            scales[i] = left[shared ? row / c.heads : row] * Math.sqrt(squares) / width;
        }
        t.assertClose(out, scales, Operation.MATMUL_BY_HEAD_TRANSPOSED, c.dtype);
    }
}
