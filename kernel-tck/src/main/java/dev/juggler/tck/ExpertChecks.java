package dev.juggler.tck;

import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;

/** Products with stacked experts, their biases and their weighted sum. */
final class ExpertChecks {
    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private ExpertChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        ExpertChecks checks = new ExpertChecks(subject);
        for (DType dtype : subject.kernels().weightTypes()) {
            int block = dtype.blockElements();
            int k = (33 + block - 1) / block * block;
            checks.addProduct(dtype, 1, 1, 1, 3, k, true);
            checks.addProduct(dtype, 1, 4, 8, 33, k, true);
            checks.addProduct(dtype, 7, 3, 33, 5, 2 * k, true);
            checks.addProduct(dtype, 7, 3, 33, 5, 2 * k, false);
            checks.addProduct(dtype, 64, 2, 5, 31, k, false);
        }
        checks.addProduct(DType.F32, 64, 8, 128, 7, 31, true);
        checks.addNobody();
        for (int width : new int[] {1, 31, 33, 257}) {
            checks.addBias(7, 3, width);
            checks.addCombine(1, 8, width);
            checks.addCombine(64, 3, width);
        }
        return checks.tests;
    }

    /** Random choices, some twice in a row of ids, some of experts that are elsewhere. */
    private static int[] choices(Trial t, int count, int experts) {
        int[] ids = t.random().ints(count, -1, experts).toArray();
        for (int i = 7; i < count; i += 11) {
            ids[i] = ids[i - 1];
        }
        ids[count - 1] = experts - 1;
        return ids;
    }

    private void addProduct(
            DType dtype, int rows, int used, int experts, int n, int k, boolean shared) {
        String name =
                "matmulByExpert %s %d of %d experts, [%d, %d] x [%d, %d], %s"
                        .formatted(
                                dtype,
                                used,
                                experts,
                                rows,
                                k,
                                n,
                                k,
                                shared ? "a row for all choices" : "a row for each choice");
        tests.add(
                subject.test(
                        name,
                        t -> {
                            int[] chosen = choices(t, rows * used, experts);
                            Twin ids = t.ints(rows, used, chosen);
                            Twin x = t.floats(shared ? rows : rows * used, k);
                            Twin stack = t.weight(dtype, experts, n, k);
                            Twin out = t.output(rows * used, n);
                            t.run((kernels, side) ->
                                    kernels.matmulByExpert(
                                            side.of(out),
                                            side.of(x),
                                            side.of(stack),
                                            side.of(ids)));
                            t.assertClose(
                                    out,
                                    scales(x, stack, chosen, shared ? used : 1),
                                    Operation.MATMUL_BY_EXPERT,
                                    dtype);
                        }));
    }

    private static double[] scales(Twin x, Twin stack, int[] chosen, int choicesOfRow) {
        double[] left = MatmulChecks.norms(x);
        double[] right = MatmulChecks.norms(stack);
        int n = stack.device.rows();
        double[] scales = new double[chosen.length * n];
        for (int i = 0; i < scales.length; i++) {
            int choice = i / n;
            if (chosen[choice] >= 0) {
                double weight = right[chosen[choice] * n + i % n];
                double width = Math.sqrt(x.device.columns());
                scales[i] = left[choice / choicesOfRow] * weight / width;
            }
        }
        return scales;
    }

    private void addNobody() {
        tests.add(
                subject.test(
                        "matmulByExpert F32 where every expert is elsewhere",
                        t -> {
                            int[] none = new int[6];
                            Arrays.fill(none, -1);
                            none[3] = Integer.MIN_VALUE;
                            Twin ids = t.ints(3, 2, none);
                            Twin x = t.floats(3, 32);
                            Twin stack = t.weight(DType.F32, 4, 33, 32);
                            Twin out = t.output(6, 33);
                            t.run((kernels, side) ->
                                    kernels.matmulByExpert(
                                            side.of(out),
                                            side.of(x),
                                            side.of(stack),
                                            side.of(ids)));
                            t.assertClose(out, Operation.MATMUL_BY_EXPERT, DType.F32);
                        }));
    }

    private void addBias(int rows, int used, int width) {
        String name = "addByExpert [%d, %d], %d used".formatted(rows * used, width, used);
        tests.add(
                subject.test(
                        name,
                        t -> {
                            Twin x = t.changing(rows * used, width);
                            Twin biases = t.floats(5, width);
                            Twin ids = t.ints(rows, used, choices(t, rows * used, 5));
                            t.run((kernels, side) ->
                                    kernels.addByExpert(side.of(x), side.of(biases), side.of(ids)));
                            t.assertClose(x, Operation.ADD_BY_EXPERT, DType.F32);
                        }));
    }

    private void addCombine(int rows, int used, int width) {
        String name = "combineExperts [%d, %d], %d used".formatted(rows, width, used);
        tests.add(
                subject.test(
                        name,
                        t -> {
                            int[] chosen = choices(t, rows * used, 5);
                            Twin ids = t.ints(rows, used, chosen);
                            float[] y = Samples.normal(t.random(), rows * used * width, 1);
                            for (int c = 0; c < chosen.length; c++) {
                                if (chosen[c] < 0) {
                                    // What nobody computed may hold anything.
                                    Arrays.fill(y, c * width, (c + 1) * width, Float.NaN);
                                }
                            }
                            Twin outputs = t.floats(rows * used, width, y);
                            Twin weights = t.floats(rows, used);
                            Twin out = t.output(rows, width);
                            t.run((kernels, side) ->
                                    kernels.combineExperts(
                                            side.of(out),
                                            side.of(outputs),
                                            side.of(weights),
                                            side.of(ids)));
                            t.assertClose(out, Operation.COMBINE_EXPERTS, DType.F32);
                        }));
    }
}
