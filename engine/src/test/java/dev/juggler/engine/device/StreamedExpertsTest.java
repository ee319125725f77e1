package dev.juggler.engine.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.tck.simulated.SimulatedClock;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Experts that come to a device in steps of many rows: the logits are those of one device. */
class StreamedExpertsTest {
    private static final int[] IDS = new Random(6).ints(40, 0, 300).toArray();
    private static final Decision DRAWN = new Decision(0, "");

    /** Experts on a, c (main memory) and b by lot; those in main memory come to b. */
    private record Drawn(
            int seed, Map<Integer, StreamedExperts> streams, Map<Integer, LiveExperts> lives)
            implements WeightDevices {
        static Drawn of(ModelDescription description, int seed, int whenRows, int chunk) {
            Map<Integer, Long> bytes = new TreeMap<>();
            Map<Integer, Integer> experts = new TreeMap<>();
            for (WeightDescriptor weight : description.weights()) {
                if (weight.experts() > 0) {
                    long all = chunk * (weight.bytes() / weight.experts());
                    bytes.merge(weight.layer(), StreamedExperts.aligned(all), Long::sum);
                    experts.put(weight.layer(), weight.experts());
                }
            }
            long largest = bytes.values().stream().mapToLong(Long::longValue).max().orElse(0);
            Map<Integer, StreamedExperts> streams = new TreeMap<>();
            Map<Integer, LiveExperts> lives = new TreeMap<>();
            experts.forEach((layer, count) -> {
                if (seed % 3 != 2 || layer % 2 == 0) {
                    streams.put(
                            layer,
                            new StreamedExperts(
                                    layer, "b", whenRows, Math.min(chunk, count), largest, DRAWN));
                }
                if (seed % 2 == 1) {
                    List<Integer> all =
                            IntStream.range(0, count)
                                    .filter(e -> homeOf(seed, layer, e).equals("a"))
                                    .boxed()
                                    .toList();
                    if (!all.isEmpty()) {
                        lives.put(
                                layer, new LiveExperts(layer, "b", "random", 1, 1, all, 1, DRAWN));
                    }
                }
            });
            return new Drawn(seed, streams, lives);
        }

        private static String homeOf(int seed, int layer, int expert) {
            if (seed == 0) {
                return "a"; // whole layers
            }
            return List.of("a", "a", "b", "c")
                    .get(new SplittableRandom(seed * 1000L + layer * 100L + expert).nextInt(4));
        }

        @Override
        public String device(WeightDescriptor weight, int expert) {
            return weight.role() == Role.EXPERTS ? homeOf(seed, weight.layer(), expert) : "b";
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
        int cases = 0;
        long uploads = 0;
        double worst = 0;
        for (String name : MixtureModels.NAMES) {
            float[][] expected = MixtureModels.onOneDevice(name, IDS, 7);
            for (int seed = 0; seed < 6; seed++) {
                ModelLoader loader = MixtureModels.loader(seed);
                SimulatedDevice far = new SimulatedDevice("b").withUploadsAskedFor(1000);
                try (GgufFile file = GoldenModels.open(name);
                        Devices devices =
                                new Devices(
                                        List.of(
                                                new NamedBackend("a"),
                                                far,
                                                new NamedBackend("c")))) {
                    ModelDescription description = loader.describe(file);
                    // steps of 6 and of 4 rows: from 5 on the second kind stays in main memory
                    Drawn drawn = Drawn.of(description, seed, seed < 3 ? 1 : 5, 1 + 2 * seed);
                    try (PlacedModel model = loader.load(file, drawn, devices)) {
                        long atLoad = far.uploads();
                        float[][] actual = GoldenModels.logits(model, DType.F32, IDS, 6);
                        worst = Math.max(worst, GoldenModels.normalizedError(expected, actual));
                        uploads += far.uploads() - atLoad;
                        cases++;
                    }
                }
                assertEquals(0, far.used(), "what was allocated is freed");
            }
        }
        assertTrue(worst < 1e-11, "nmse " + worst);
        assertTrue(uploads > 20L * cases, uploads + " uploads");
        System.out.printf(
                "experts that come over: %d cases with %d uploads, worst nmse %.2g%n",
                cases, uploads, worst);
    }

    /** Seconds of a prompt, by the clock of a machine whose speeds are these. */
    private static double seconds(double link, double compute, boolean streamed) {
        SimulatedClock clock = new SimulatedClock();
        SimulatedDevice near =
                SimulatedDevice.processor("a").in(clock).withSpeed(new DeviceSpeed(1e6, 1e7, 0));
        SimulatedDevice far =
                new SimulatedDevice("b").in(clock).withSpeed(new DeviceSpeed(1e15, compute, link));
        try (GgufFile file = GoldenModels.open("qwen3moe-wide.F32");
                Devices devices = new Devices(List.of(far, near))) {
            Drawn drawn = Drawn.of(ModelLoader.builtIn().describe(file), 0, streamed ? 1 : 999, 4);
            try (PlacedModel model = ModelLoader.builtIn().load(file, drawn, devices);
                    SequenceRunner runner = new SequenceRunner(model, DType.F32, 64, 40)) {
                double before = far.seconds();
                runner.run(IDS, true, (position, logits) -> {});
                return far.seconds() - before;
            }
        }
    }

    @Test
    void copiesAndProductsOverlap() {
        double never = 1e18;
        // what the experts' bytes take over the link alone, and their products alone
        double rest = seconds(never, never, true);
        double copying = seconds(1e6, never, true) - rest;
        double computing = seconds(never, 5e6, true) - rest;
        double both = seconds(1e6, 5e6, true) - rest;
        assertTrue(copying > 0.01 && computing > 0.01, copying + " " + computing);
        double longer = Math.max(copying, computing);
        double shorter = Math.min(copying, computing);
        assertTrue(shorter > longer / 4, "the case says nothing: " + copying + ", " + computing);
        assertTrue(
                both < longer + 0.4 * shorter,
                "%f s for copies of %f s and products of %f s".formatted(both, copying, computing));
    }
}
