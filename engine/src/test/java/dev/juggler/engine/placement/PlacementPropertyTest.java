package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Random rules on a model, decided expert by expert by an oracle that is given the sets themselves
 * instead of their text.
 */
class PlacementPropertyTest {
    private static final int CASES = 1_000;
    private static final List<String> DEVICES = List.of("cuda:0", "cpu", "reference");

    private static final List<Role> ROLES = List.of(Role.values());

    /** A rule as text and as plain predicates. */
    private record Rule(
            String text,
            @Nullable Role role,
            @Nullable IntPredicate layers,
            @Nullable String tensor,
            @Nullable IntPredicate experts,
            @Nullable String device,
            @Nullable String kernel) {
        boolean matches(WeightDescriptor weight, int expert) {
            return (role == null || role == weight.role())
                    && (layers == null || (weight.layer() >= 0 && layers.test(weight.layer())))
                    && (tensor == null || weight.name().endsWith(tensor))
                    && (experts == null || (weight.experts() > 0 && experts.test(expert)));
        }
    }

    /** A set as text and as a predicate. */
    private record RandomSet(String text, IntPredicate contains) {}

    @Test
    void theFirstRuleWinsForEveryExpertAndProperty() {
        SplittableRandom random = new SplittableRandom(7);
        List<WeightDescriptor> weights = TinyModel.mixture();
        int split = 0;
        int warned = 0;
        for (int i = 0; i < CASES; i++) {
            List<Rule> rules = new ArrayList<>();
            for (int count = random.nextInt(6); count > 0; count--) {
                rules.add(rule(random));
            }
            String hocon =
                    "rules = [%s]"
                            .formatted(String.join("\n", rules.stream().map(Rule::text).toList()));
            Placement placement =
                    PlacementRules.parse(ConfigFactory.parseString(hocon))
                            .resolve(weights, DEVICES);
            Set<Integer> useful = new HashSet<>();
            Set<Integer> kernels = new HashSet<>();
            for (int w = 0; w < weights.size(); w++) {
                PlacedWeight placed = placement.weights().get(w);
                assertEquals(weights.get(w), placed.weight());
                assertPlaced(placed, rules, useful, kernels);
                split += placed.isSplit() ? 1 : 0;
            }
            int idle = rules.size() - useful.size();
            assertEquals(idle + kernels.size(), placement.warnings().size(), hocon);
            warned += placement.warnings().size();
        }
        System.out.printf(
                "random placements: %d, with %d split stacks and %d warnings%n",
                CASES, split, warned);
        assertTrue(split > CASES / 10 && warned > CASES / 10);
    }

    private static void assertPlaced(
            PlacedWeight placed, List<Rule> rules, Set<Integer> useful, Set<Integer> kernels) {
        String hocon = rules.toString();
        WeightDescriptor weight = placed.weight();
        int next = 0;
        long bytes = 0;
        @Nullable Shard before = null;
        for (Shard shard : placed.shards()) {
            assertEquals(next, shard.firstExpert(), hocon);
            for (int e = next; e < next + Math.max(shard.experts(), 1); e++) {
                int device = first(rules, weight, e, true);
                int kernel = first(rules, weight, e, false);
                useful.add(device);
                useful.add(kernel);
                kernels.add(kernel);
                assertEquals(
                        device < 0 ? "cuda:0" : rules.get(device).device(), shard.device(), hocon);
                assertEquals(kernel < 0 ? null : rules.get(kernel).kernel(), shard.kernel(), hocon);
                assertEquals(device + 1, shard.decision().rule(), hocon);
            }
            next += shard.experts();
            bytes += shard.bytes();
            if (before != null) {
                assertNotEquals(
                        new Shard(0, 0, 0, before.device(), before.kernel(), before.decision()),
                        new Shard(0, 0, 0, shard.device(), shard.kernel(), shard.decision()));
            }
            before = shard;
        }
        assertEquals(weight.experts(), next, hocon);
        assertEquals(weight.bytes(), bytes, hocon);
        useful.remove(-1);
        kernels.remove(-1);
    }

    private static int first(
            List<Rule> rules, WeightDescriptor weight, int expert, boolean device) {
        for (int i = 0; i < rules.size(); i++) {
            Rule rule = rules.get(i);
            if ((device ? rule.device : rule.kernel) != null && rule.matches(weight, expert)) {
                return i;
            }
        }
        return -1;
    }

    private static Rule rule(SplittableRandom random) {
        @Nullable Role role = random.nextBoolean() ? ROLES.get(random.nextInt(ROLES.size())) : null;
        @Nullable RandomSet layers =
                random.nextBoolean() ? set(random, TinyModel.LAYERS, true) : null;
        @Nullable RandomSet experts =
                random.nextInt(3) == 0 ? set(random, TinyModel.EXPERTS, false) : null;
        @Nullable String tensor = random.nextInt(5) == 0 ? "_q.weight" : null;
        @Nullable String device =
                random.nextInt(4) > 0 ? DEVICES.get(random.nextInt(DEVICES.size())) : null;
        @Nullable String kernel =
                device == null || random.nextInt(3) == 0 ? "k" + random.nextInt(2) : null;
        String match =
                (role == null ? "" : "role = %s, ".formatted(role))
                        + (layers == null ? "" : "layers = \"%s\", ".formatted(layers.text))
                        + (experts == null ? "" : "experts = \"%s\", ".formatted(experts.text))
                        + (tensor == null ? "" : "tensor = \".*%s\", ".formatted(tensor));
        String text =
                "{ match { %s }, %s %s }"
                        .formatted(
                                match,
                                device == null ? "" : "device = \"%s\",".formatted(device),
                                kernel == null ? "" : "kernel = " + kernel);
        return new Rule(
                text,
                role,
                layers == null ? null : layers.contains,
                tensor,
                experts == null ? null : experts.contains,
                device,
                kernel);
    }

    private static RandomSet set(SplittableRandom random, int count, boolean layers) {
        int a = random.nextInt(count + 1);
        int b = a + random.nextInt(count);
        int n = 1 + random.nextInt(count);
        return switch (random.nextInt(layers ? 8 : 6)) {
            case 0 -> new RandomSet("%d-%d".formatted(a, b), i -> i >= a && i <= b);
            case 1 -> new RandomSet("%d, %d".formatted(a, b), i -> i == a || i == b);
            case 2 -> new RandomSet("last:" + n, i -> i >= count - n);
            case 3 -> new RandomSet("first:" + n, i -> i < n);
            case 4 -> new RandomSet("odd", i -> i % 2 == 1);
            case 5 -> new RandomSet("even," + a, i -> i % 2 == 0 || i == a);
            case 6 -> new RandomSet("moe", i -> i > 0);
            default -> new RandomSet("dense,last:1", i -> i == 0 || i == count - 1);
        };
    }
}
