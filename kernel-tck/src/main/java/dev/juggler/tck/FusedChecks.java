package dev.juggler.tck;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Routing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;

/** Fused steps: whatever a backend does inside, the result is that of the plain operations. */
final class FusedChecks {
    private static final GatedActivation CLAMPED =
            new GatedActivation(GatedActivation.Kind.CLAMPED_SWIGLU, 1.702f, 7f);

    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private FusedChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        FusedChecks checks = new FusedChecks(subject);
        for (int width : new int[] {1, 31, 33, 256, 257}) {
            checks.addNormedSum(1, width, false);
            checks.addNormedSum(7, width, true);
        }
        for (DType dtype : subject.kernels().weightTypes()) {
            int block = dtype.blockElements();
            int width = (64 + block - 1) / block * block;
            int inner = (96 + block - 1) / block * block;
            for (int rows : new int[] {1, 7, 33}) {
                checks.addFeedForward(dtype, rows, width, inner);
            }
            checks.addExperts(dtype, 1, 8, 3, width, inner, false);
            checks.addExperts(dtype, 7, 8, 2, width, inner, true);
            checks.addMixture(dtype, 1, 8, 3, width, inner, false);
            checks.addMixture(dtype, 7, 5, 1, width, inner, true);
        }
        checks.addFeedForward(DType.F32, 7, 33, 31);
        checks.addExperts(DType.F32, 64, 33, 8, 31, 33, true);
        checks.addMixture(DType.F32, 64, 33, 8, 31, 33, true);
        checks.addMixture(DType.F32, 2, 128, 8, 257, 33, false);
        checks.addChain();
        checks.tests.addAll(ProjectionChecks.of(subject));
        return checks.tests;
    }

    private void addNormedSum(int rows, int width, boolean inPlace) {
        String name = "addRmsNorm [%d, %d]%s".formatted(rows, width, inPlace ? " in place" : "");
        tests.add(
                subject.test(
                        name,
                        t -> {
                            Twin a = inPlace ? t.changing(rows, width) : t.floats(rows, width);
                            Twin sum = inPlace ? a : t.output(rows, width);
                            Twin b = t.floats(rows, width);
                            Twin weight = t.floats(1, width);
                            Twin out = t.output(rows, width);
                            t.run((kernels, side) ->
                                    kernels.addRmsNorm(
                                            side.of(out),
                                            side.of(sum),
                                            side.of(a),
                                            side.of(b),
                                            side.of(weight),
                                            1e-5f));
                            t.assertClose(sum, Operation.ADD, DType.F32);
                            t.assertClose(out, Operation.ADD_RMS_NORM, DType.F32);
                        }));
    }

    private void addFeedForward(DType dtype, int rows, int width, int inner) {
        String name = "feedForward %s %d rows, %d to %d".formatted(dtype, rows, width, inner);
        tests.add(
                subject.test(
                        name,
                        t -> {
                            Twin x = t.floats(rows, width);
                            Twin gate = t.weight(dtype, 1, inner, width);
                            Twin up = t.weight(dtype, 1, inner, width);
                            Twin down = t.weight(dtype, 1, width, inner);
                            Twin out = t.output(rows, width);
                            t.run((kernels, side) -> {
                                long mark = side.workspace().mark();
                                kernels.feedForward(
                                        side.of(out),
                                        side.of(x),
                                        new FeedForwardWeights(
                                                side.of(gate),
                                                side.of(up),
                                                side.of(down),
                                                GatedActivation.SWIGLU),
                                        side.workspace());
                                t.require(
                                        side.workspace().mark() == mark,
                                        "the workspace was not given back");
                            });
                            t.assertClose(out, Operation.FEED_FORWARD, dtype);
                        }));
    }

    /** Stacked weights of some experts, on both sides. */
    private record Stack(
            Twin gate,
            Twin up,
            Twin down,
            @Nullable Twin gateBias,
            @Nullable Twin upBias,
            @Nullable Twin downBias) {
        static Stack random(
                Trial t, DType dtype, int experts, int width, int inner, boolean biases) {
            return new Stack(
                    t.weight(dtype, experts, inner, width),
                    t.weight(dtype, experts, inner, width),
                    t.weight(dtype, experts, width, inner),
                    biases ? t.floats(experts, inner) : null,
                    biases ? t.floats(experts, inner) : null,
                    biases ? t.floats(experts, width) : null);
        }

        ExpertWeights on(Trial.Side side) {
            return new ExpertWeights(
                    side.of(gate),
                    side.of(up),
                    side.of(down),
                    side.ofNullable(gateBias),
                    side.ofNullable(upBias),
                    side.ofNullable(downBias),
                    gateBias == null ? GatedActivation.SWIGLU : CLAMPED);
        }
    }

    private void addExperts(
            DType dtype, int rows, int experts, int used, int width, int inner, boolean biases) {
        String name =
                "experts %s %d rows, %d of %d, %d to %d%s"
                        .formatted(
                                dtype, rows, used, experts, width, inner, biases ? ", bias" : "");
        tests.add(
                subject.test(
                        name,
                        t -> {
                            Twin x = t.floats(rows, width);
                            int[] chosen =
                                    t.random().ints((long) rows * used, -1, experts).toArray();
                            chosen[0] = experts - 1;
                            Twin ids = t.ints(rows, used, chosen);
                            Twin weights = t.floats(rows, used);
                            Stack stack = Stack.random(t, dtype, experts, width, inner, biases);
                            Twin out = t.output(rows, width);
                            t.run((kernels, side) ->
                                    kernels.experts(
                                            side.of(out),
                                            side.of(x),
                                            side.of(ids),
                                            side.of(weights),
                                            stack.on(side),
                                            side.workspace()));
                            t.assertClose(out, Operation.EXPERTS, dtype);
                        }));
    }

    private void addMixture(
            DType dtype, int rows, int experts, int used, int width, int inner, boolean biases) {
        String name =
                "mixtureOfExperts %s %d rows, %d of %d, %d to %d%s"
                        .formatted(
                                dtype, rows, used, experts, width, inner, biases ? ", bias" : "");
        Routing routing = Routing.softmax(used, true, 1.5f);
        tests.add(
                subject.test(
                        name,
                        t -> {
                            Twin router = t.weight(DType.F32, 1, experts, width);
                            float[] bias = Samples.normal(t.random(), experts, biases ? 1 : 0);
                            Twin x = t.floats(rows, width, decided(t, router, bias, rows, used));
                            Twin routerBias = biases ? t.floats(1, experts, bias) : null;
                            Stack stack = Stack.random(t, dtype, experts, width, inner, biases);
                            Twin out = t.output(rows, width);
                            t.run((kernels, side) ->
                                    kernels.mixtureOfExperts(
                                            side.of(out),
                                            side.of(x),
                                            new RouterWeights(
                                                    side.of(router),
                                                    side.ofNullable(routerBias),
                                                    routing),
                                            stack.on(side),
                                            side.workspace()));
                            t.assertClose(out, Operation.MIXTURE_OF_EXPERTS, dtype);
                        }));
    }

    /** Rows for which the last expert chosen is clearly better than the first that is not. */
    private static float[] decided(Trial t, Twin router, float[] bias, int rows, int used) {
        int width = router.device.columns();
        float[] weights = router.values();
        float[] rowsOfX = new float[rows * width];
        for (int r = 0; r < rows; ) {
            float[] x = Samples.normal(t.random(), width, 1);
            double[] logits = new double[bias.length];
            for (int e = 0; e < logits.length; e++) {
                logits[e] = bias[e];
                for (int i = 0; i < width; i++) {
                    logits[e] += (double) weights[e * width + i] * x[i];
                }
            }
            Arrays.sort(logits);
            int last = logits.length - used;
            if (logits[last] - logits[last - 1] > 0.01 * Math.sqrt(width)) {
                System.arraycopy(x, 0, rowsOfX, r * width, width);
                r++;
            }
        }
        return rowsOfX;
    }

    /** Calls that depend on each other, and a write behind their back, with no synchronization. */
    private void addChain() {
        tests.add(
                subject.test(
                        "calls and writes take effect in order",
                        t -> {
                            Twin x = t.changing(64, 257);
                            Twin weight = t.weight(DType.F32, 1, 257, 257);
                            Twin norm = t.floats(1, 257);
                            Twin middle = t.output(64, 257);
                            Twin out = t.output(64, 257);
                            t.run((kernels, side) -> {
                                kernels.matmul(side.of(middle), side.of(x), side.of(weight));
                                kernels.rmsNorm(
                                        side.of(middle), side.of(middle), side.of(norm), 1e-6f);
                                kernels.matmul(side.of(out), side.of(middle), side.of(weight));
                                kernels.add(side.of(out), side.of(out), side.of(x));
                                Trial.overwrite(side.of(x));
                            });
                            t.assertClose(out, Operation.FEED_FORWARD, DType.F32);
                        }));
    }
}
