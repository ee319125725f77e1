package dev.juggler.engine.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.DType;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Everything by lot at once: each weight and each expert on one of two devices in main memory and
 * two with memory of their own, places for experts that come and go, experts that cross in large
 * steps, steps of any size. The logits are those of one device.
 */
class HybridLotteryTest {
    private static final int LOTS = 8;
    private static final int[] IDS = new Random(11).ints(33, 0, 300).toArray();
    private static final Decision DRAWN = new Decision(0, "");
    private static final List<String> ALL = List.of("a", "b", "c", "d");

    private record Lot(
            int seed, Map<Integer, StreamedExperts> streams, Map<Integer, LiveExperts> lives)
            implements WeightDevices {
        static Lot draw(ModelDescription description, int seed) {
            Random random = new Random(seed);
            Map<Integer, Long> expertBytes = new TreeMap<>();
            Map<Integer, Integer> experts = new TreeMap<>();
            for (WeightDescriptor weight : description.weights()) {
                if (weight.experts() > 0) {
                    long one = StreamedExperts.aligned(weight.bytes() / weight.experts());
                    expertBytes.merge(weight.layer(), one, Long::sum);
                    experts.put(weight.layer(), weight.experts());
                }
            }
            int chunk = 1 + random.nextInt(3);
            long buffer = chunk * expertBytes.values().stream().mapToLong(b -> b).max().orElse(0);
            Map<Integer, StreamedExperts> streams = new TreeMap<>();
            Map<Integer, LiveExperts> lives = new TreeMap<>();
            experts.forEach((layer, count) -> {
                if (random.nextInt(3) > 0) {
                    String device = random.nextBoolean() ? "b" : "d";
                    int rows = 1 + random.nextInt(6);
                    streams.put(
                            layer, new StreamedExperts(layer, device, rows, chunk, buffer, DRAWN));
                }
                List<Integer> home =
                        IntStream.range(0, count)
                                .filter(e -> "ac".contains(expert(seed, layer, e)))
                                .boxed()
                                .toList();
                if (!home.isEmpty() && random.nextInt(3) > 0) {
                    int places = 1 + random.nextInt(home.size());
                    String policy = random.nextBoolean() ? "random" : "lfu";
                    lives.put(
                            layer, new LiveExperts(layer, "b", policy, places, 4, home, 1, DRAWN));
                }
            });
            return new Lot(seed, streams, lives);
        }

        private static String expert(int seed, int layer, int expert) {
            return ALL.get(new Random(Objects.hash(seed, layer, expert)).nextInt(ALL.size()));
        }

        @Override
        public String device(WeightDescriptor weight, int expert) {
            return weight.experts() > 0
                    ? expert(seed, weight.layer(), expert)
                    : ALL.get(new Random(Objects.hash(seed, weight.name())).nextInt(ALL.size()));
        }

        @Override
        public @Nullable StreamedExperts streamed(int layer) {
            return streams.get(layer);
        }

        @Override
        public @Nullable LiveExperts live(int layer) {
            return lives.get(layer);
        }
    }

    @Test
    void logitsAreThoseOfOneDevice() {
        TreeSet<String> names = new TreeSet<>(MixtureModels.NAMES);
        names.addAll(
                List.of(
                        "llama-dense.F32",
                        "deepseek2-v2.F32",
                        "deepseek2-v2lite.F32",
                        "deepseek2-v3-split.F32",
                        "glm4moe-noqknorm.F32"));
        int cases = 0;
        long uploads = 0;
        double worst = 0;
        for (String name : names) {
            float[][] expected = MixtureModels.onOneDevice(name, IDS, 1);
            for (int seed = 0; seed < LOTS; seed++) {
                ModelLoader loader = MixtureModels.loader(seed);
                SimulatedDevice b = new SimulatedDevice("b").withUploadsAskedFor(seed % 3);
                SimulatedDevice d = new SimulatedDevice("d").withUploadsAskedFor(1000);
                try (GgufFile file = GoldenModels.open(name);
                        Devices devices =
                                new Devices(
                                        List.of(
                                                d,
                                                new NamedBackend("a"),
                                                b,
                                                new NamedBackend("c")));
                        PlacedModel model =
                                loader.load(file, Lot.draw(loader.describe(file), seed), devices)) {
                    uploads -= b.uploads() + d.uploads(); // of loading
                    float[][] actual =
                            GoldenModels.logits(model, DType.F32, IDS, 1 + (seed * 5) % 8);
                    double error = GoldenModels.normalizedError(expected, actual);
                    assertTrue(error < 1e-9, "%s, lot %d: %g".formatted(name, seed, error));
                    worst = Math.max(worst, error);
                    cases++;
                }
                uploads += b.uploads() + d.uploads();
                assertEquals(0, b.used() + d.used(), "what was allocated is freed");
            }
        }
        assertTrue(uploads > cases);
        System.out.printf(
                "everything by lot: %d cases with %d uploads, worst nmse %.2g%n",
                cases, uploads, worst);
    }
}
