package dev.juggler.tck;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Routing.Scoring;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;

/**
 * The choice of experts. Logits and biases lie on coarse grids, so that no rounding can change a
 * choice, and ties are exact where they are meant.
 */
final class RoutingChecks {
    private final Subject subject;
    private final List<DynamicTest> tests = new ArrayList<>();

    private RoutingChecks(Subject subject) {
        this.subject = subject;
    }

    static List<DynamicTest> of(Subject subject) {
        RoutingChecks checks = new RoutingChecks(subject);
        for (Scoring scoring : Scoring.values()) {
            for (int experts : new int[] {1, 8, 31, 32, 33, 60, 128, 255, 256, 257}) {
                int used = Math.min(experts, experts % 2 == 0 ? 8 : 3);
                checks.addPlain(scoring, 1, experts, used, false, 1);
                checks.addPlain(scoring, 7, experts, used, true, 2.5f);
            }
            checks.addPlain(scoring, 64, 32, 32, true, 1);
            checks.addPlain(scoring, 64, 64, 1, false, 0.5f);
            checks.addTies(scoring, 40, 6);
            checks.addTies(scoring, 257, 8);
            for (int best = 1; best <= 2; best++) {
                checks.addGroups(scoring, 8, 4, 2, 2, best);
                checks.addGroups(scoring, 64, 8, 3, 6, best);
                checks.addGroups(scoring, 256, 8, 4, 8, best);
                checks.addGroups(scoring, 6, 6, 3, 3, best);
            }
        }
        return checks.tests;
    }

    private void addPlain(
            Scoring scoring, int rows, int experts, int used, boolean normalize, float scale) {
        String name =
                "route %s %d rows, %d of %d experts%s"
                        .formatted(scoring, rows, used, experts, normalize ? ", normalized" : "");
        tests.add(
                subject.test(
                        name,
                        t ->
                                route(
                                        t,
                                        separated(t, rows, experts),
                                        new Routing(used, scoring, normalize, scale, 1, 1, null),
                                        null)));
    }

    private void addTies(Scoring scoring, int experts, int used) {
        String name = "route %s %d of %d experts, ties".formatted(scoring, used, experts);
        tests.add(
                subject.test(
                        name,
                        t -> {
                            float[] logits = new float[7 * experts];
                            for (int i = 0; i < logits.length; i++) {
                                // The first row: all equal.
                                logits[i] = i < experts ? 0.5f : t.random().nextInt(3) * 0.5f;
                            }
                            route(
                                    t,
                                    t.floats(7, experts, logits),
                                    new Routing(used, scoring, true, 1, 1, 1, null),
                                    null);
                        }));
    }

    /** Groups and bias as DeepSeek has them; and two groups that tie. */
    private void addGroups(
            Scoring scoring, int experts, int groups, int groupsUsed, int used, int best) {
        String groupsName = "%d of %d groups by %d".formatted(groupsUsed, groups, best);
        String name = "route %s %d of %d experts, %s".formatted(scoring, used, experts, groupsName);
        Routing routing = new Routing(used, scoring, true, 2.5f, groups, groupsUsed, best, null);
        tests.add(subject.test(name, t -> route(t, separated(t, 7, experts), routing, null)));
        tests.add(
                subject.test(
                        name + ", bias",
                        t -> {
                            // Equal logits have equal scores, so that the bias alone decides ...
                            float[] bias = distinct(t, experts, 1 / 128f);
                            Twin equal = t.floats(3, experts, new float[3 * experts]);
                            route(t, equal, routing, t.floats(1, experts, bias));
                        }));
        tests.add(
                subject.test(
                        name + ", strong bias",
                        t -> {
                            // ... and here it outweighs every score.
                            float[] bias = distinct(t, experts, 64);
                            Twin logits = separated(t, 7, experts);
                            route(t, logits, routing, t.floats(1, experts, bias));
                        }));
        tests.add(
                subject.test(
                        name + ", ties",
                        t -> {
                            Twin equal = t.floats(2, experts, new float[2 * experts]);
                            route(t, equal, routing, null);
                        }));
    }

    private static void route(Trial t, Twin logits, Routing routing, @Nullable Twin bias) {
        int rows = logits.device.rows();
        Twin ids = t.idOutput(rows, routing.used());
        Twin weights = t.output(rows, routing.used());
        t.run((kernels, side) ->
                kernels.route(
                        side.of(ids),
                        side.of(weights),
                        side.of(logits),
                        routing.withChoiceBias(side.ofNullable(bias))));
        t.assertSameIds(ids);
        t.assertClose(weights, Operation.ROUTE, DType.F32);
    }

    /** Logits of which no two in a row are close, nor the sums of two. */
    private static Twin separated(Trial t, int rows, int experts) {
        float[] logits = new float[rows * experts];
        for (int r = 0; r < rows; r++) {
            float[] row = distinct(t, experts, 8f / experts);
            System.arraycopy(row, 0, logits, r * experts, experts);
        }
        return t.floats(rows, experts, logits);
    }

    /** A random order of equidistant numbers around zero, none exactly in the middle of two. */
    private static float[] distinct(Trial t, int count, float distance) {
        List<Float> values = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            float jitter = (t.random().nextFloat() - 0.5f) / 2;
            values.add((i - count / 2f + jitter) * distance);
        }
        Collections.shuffle(values, t.random());
        float[] array = new float[count];
        for (int i = 0; i < count; i++) {
            array[i] = values.get(i);
        }
        return array;
    }
}
