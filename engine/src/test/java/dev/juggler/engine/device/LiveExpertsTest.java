package dev.juggler.engine.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.experts.CacheCounts;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.placement.PlacedWeight;
import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.DType;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Experts that come and go while a model runs: whoever is on the device, the logits are those of
 * one device (the last bits may differ, as sums are added in another order).
 */
class LiveExpertsTest {
    private static final int[] IDS = new Random(5).ints(48, 0, 300).toArray();

    /** Experts on the devices a and c by lot, places for some of those of most layers on b. */
    private record Drawn(Map<Integer, LiveExperts> layers, int seed) implements WeightDevices {
        static Drawn of(ModelDescription description, String policy, int seed) {
            SplittableRandom random = new SplittableRandom(seed);
            Map<Integer, LiveExperts> layers = new TreeMap<>();
            for (WeightDescriptor weight : description.weights()) {
                if (weight.experts() > 0 && !layers.containsKey(weight.layer())) {
                    List<Integer> ids = new ArrayList<>();
                    for (int id = 0; id < weight.experts(); id++) {
                        ids.add(id);
                    }
                    Collections.shuffle(ids, new Random(seed + weight.layer()));
                    int candidates = 1 + random.nextInt(ids.size());
                    layers.put(
                            weight.layer(),
                            new LiveExperts(
                                    weight.layer(),
                                    "b",
                                    policy,
                                    1 + random.nextInt(candidates),
                                    1 + seed % 3,
                                    ids.subList(0, candidates),
                                    1,
                                    new Decision(0, "")));
                }
            }
            return new Drawn(layers, seed);
        }

        @Override
        public String device(WeightDescriptor weight, int expert) {
            boolean apart = seed % 2 == 1 && weight.experts() > 0 && expert % 3 == 1;
            // what every token reads is on the fast device too
            return weight.role() == Role.EXPERTS ? apart ? "c" : "a" : "b";
        }

        @Override
        public @Nullable LiveExperts live(int layer) {
            return layers.get(layer);
        }
    }

    @Test
    void logitsAreThoseOfOneDeviceWhoeverIsThere() {
        int cases = 0;
        long moves = 0;
        double worst = 0;
        for (String name : MixtureModels.NAMES) {
            float[][] expected = MixtureModels.onOneDevice(name, IDS, 7);
            for (int seed = 0; seed < 6; seed++) {
                ModelLoader loader = MixtureModels.loader(seed);
                SimulatedDevice far = new SimulatedDevice("b").withUploadsAskedFor(seed % 4);
                try (GgufFile file = GoldenModels.open(name);
                        Devices devices =
                                new Devices(
                                        List.of(
                                                new NamedBackend("a"),
                                                far,
                                                new NamedBackend("c")))) {
                    String policy = seed < 4 ? "random" : seed == 4 ? "lru" : "lfu";
                    WeightDevices drawn = Drawn.of(loader.describe(file), policy, seed);
                    try (PlacedModel model = loader.load(file, drawn, devices)) {
                        int rows = seed % 2 == 0 ? 1 : 5;
                        float[][] actual = GoldenModels.logits(model, DType.F32, IDS, rows);
                        worst = Math.max(worst, GoldenModels.normalizedError(expected, actual));
                        CacheCounts counts = model.cacheCounts();
                        assertNotNull(counts);
                        moves += counts.now().moves();
                        cases++;
                    }
                }
                assertEquals(0, far.used(), "what was allocated is freed");
            }
        }
        assertTrue(worst < 1e-11, "nmse " + worst);
        assertTrue(moves > cases, moves + " moves");
        System.out.printf(
                "experts that come and go: %d cases with %d moves, worst nmse %.2g%n",
                cases, moves, worst);
    }

    /** By a rule, as a user writes it; counts are those of a trace of the same text. */
    @Test
    void aRuleMakesPlacesAndHitsAreCounted() {
        PlacementRules rules =
                PlacementRules.parse(
                        ConfigFactory.parseString(
                                """
                                rules = [{ match { role = experts }, device = a,
                                           hot { device = b, memory = 300KiB, choose = lru, moves = 4 } }]
                                default = b
                                """));
        ModelLoader loader = ModelLoader.builtIn();
        SimulatedDevice far = new SimulatedDevice("b");
        try (GgufFile file = GoldenModels.open("qwen3moe-wide.F32");
                Devices devices = new Devices(List.of(new NamedBackend("a"), far))) {
            ModelDescription description = loader.describe(file);
            Placement placement =
                    rules.resolve(description.weights(), List.copyOf(devices.names()));
            long bytes = placement.liveExperts().stream().mapToLong(LiveExperts::bytes).sum();
            assertTrue(bytes <= 300 << 10 && bytes > 200 << 10, bytes + " bytes");
            try (PlacedModel model = loader.load(file, placement, devices);
                    SequenceRunner runner = new SequenceRunner(model, DType.F32, 64, 1)) {
                long others =
                        placement.weights().stream()
                                .filter(placed -> !placed.isSplit())
                                .filter(placed -> placed.device().equals("b"))
                                .map(PlacedWeight::weight)
                                .filter(weight -> weight.role() != Role.HEAD) // the embeddings
                                .mapToLong(WeightDescriptor::bytes)
                                .sum();
                assertEquals(others + bytes, model.weightBytesByDevice().get("b"));
                long atLoad = far.uploads();
                assertEquals(3L * placement.liveExperts().size(), atLoad, "runs of neighbours");
                runner.run(IDS, true, (position, logits) -> {});
                CacheCounts counts = model.cacheCounts();
                assertNotNull(counts);
                CacheCounts.Counted now = counts.now();
                long choices =
                        (long) IDS.length
                                * description.expertsUsed()
                                * placement.liveExperts().size();
                assertEquals(choices, now.hits() + now.misses());
                assertTrue(now.hits() > 0 && now.moves() > 0, now.toString());
                assertEquals(
                        now.moves() * placement.liveExperts().getFirst().expertBytes(),
                        now.bytes());
                assertEquals(
                        3 * now.moves(), far.uploads() - atLoad, "an expert is three matrices");
            }
        }
    }
}
