package dev.juggler.engine.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ReferenceKernels;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The same model on one device and on several: the same operations in another place give the same
 * bits. Experts that are split by id are summed in another order, so there the last bits may
 * differ.
 */
class HybridPlacementTest {
    private static final List<String> MODELS =
            List.of(
                    "llama-dense.F32",
                    "qwen2.F32",
                    "qwen3.F32",
                    "mixtral.F32",
                    "qwen2moe.F32",
                    "qwen3moe.Q4_0",
                    "qwen3moe-wide.F32",
                    "olmoe.F32",
                    "glm4moe.F32",
                    "gpt-oss.F32",
                    "deepseek2-v2.F32",
                    "deepseek2-v3-split.F32");
    private static final List<String> MOES =
            List.of(
                    "mixtral.F32",
                    "qwen2moe.F32",
                    "glm4moe.F32",
                    "gpt-oss.F32",
                    "deepseek2-v3-groups.F32");
    private static final int[] IDS = {7, 3, 250, 18, 99, 41, 5, 5, 190, 77, 2, 130, 64, 9, 301};

    private static WeightDevices byRole(Role role, String device, String others) {
        return (weight, expert) -> weight.role() == role ? device : others;
    }

    private static float[][] logits(
            String name, WeightDevices placement, List<Backend> backends, int rowsPerStep) {
        try (GgufFile file = GoldenModels.open(name);
                Devices devices = new Devices(backends);
                PlacedModel model = ModelLoader.builtIn().load(file, placement, devices)) {
            return GoldenModels.logits(model, DType.F32, IDS, rowsPerStep);
        }
    }

    private static float[][] single(String name) {
        return single(name, 7);
    }

    private static float[][] single(String name, int rowsPerStep) {
        List<Backend> one = List.of(new NamedBackend("a"));
        return logits(name, WeightDevices.all("a"), one, rowsPerStep);
    }

    private static List<Backend> hosts() {
        return List.of(new NamedBackend("a"), new NamedBackend("b"));
    }

    private static List<Backend> hostAndFar() {
        return List.of(new NamedBackend("a"), new SimulatedDevice("b"));
    }

    private static List<Backend> far() {
        return List.of(new SimulatedDevice("a"), new SimulatedDevice("b"));
    }

    private static void assertSameEverywhere(WeightDevices placement, String what) {
        int cases = 0;
        for (String name : MODELS) {
            for (int rowsPerStep : new int[] {1, 7}) {
                // Latent attention computes single rows and chunks in different forms; with all
                // others a row's bits do not depend on the rows beside it.
                float[][] expected = single(name, name.startsWith("deepseek") ? rowsPerStep : 7);
                for (List<Backend> backends : List.of(hosts(), hostAndFar(), far())) {
                    String label = "%s, %s, %s".formatted(name, what, backends);
                    assertSame(expected, logits(name, placement, backends, rowsPerStep), label);
                    cases++;
                }
            }
        }
        System.out.printf("hybrid placement, %s: %d cases, all equal%n", what, cases);
    }

    private static void assertSame(float[][] expected, float[][] actual, String what) {
        for (int row = 0; row < expected.length; row++) {
            assertArrayEquals(expected[row], actual[row], what + ", row " + row);
        }
    }

    @Test
    void attentionHereAndExpertsThere() {
        assertSameEverywhere(byRole(Role.EXPERTS, "a", "b"), "experts apart");
        assertSameEverywhere(byRole(Role.ATTENTION, "a", "b"), "attention apart");
    }

    @Test
    void oddLayersHereAndEvenThere() {
        assertSameEverywhere(
                (weight, expert) -> weight.layer() % 2 == 0 ? "a" : "b", "layers in turn");
    }

    @Test
    void normsAndEmbeddingApart() {
        assertSameEverywhere(byRole(Role.NORM, "a", "b"), "norms apart");
        assertSameEverywhere(byRole(Role.EMBED, "a", "b"), "embedding apart");
        assertSameEverywhere(byRole(Role.HEAD, "a", "b"), "head apart");
    }

    @Test
    void everyTensorByLot() {
        for (int seed = 0; seed < 6; seed++) {
            int lot = seed;
            assertSameEverywhere(
                    (weight, expert) -> chance(lot, weight.name()) ? "a" : "b", "lot " + seed);
        }
    }

    private static boolean chance(int seed, String name) {
        return new Random(Objects.hash(seed, name)).nextBoolean();
    }

    @Test
    void expertsSplitByIdAddUp() {
        int cases = 0;
        double worst = 0;
        for (String name : MOES) {
            float[][] expected = single(name);
            for (int seed = 0; seed < 4; seed++) {
                int lot = seed;
                WeightDevices placement =
                        (WeightDescriptor weight, int expert) ->
                                weight.experts() > 0
                                        ? List.of("a", "b", "c")
                                                .get(expertDevice(lot, weight.layer(), expert))
                                        : chance(lot, weight.name()) ? "a" : "b";
                List<Backend> backends =
                        List.of(
                                new NamedBackend("a"),
                                new SimulatedDevice("b"),
                                new NamedBackend("c"));
                for (int rowsPerStep : new int[] {1, 15}) {
                    float[][] actual = logits(name, placement, backends, rowsPerStep);
                    worst = Math.max(worst, GoldenModels.normalizedError(expected, actual));
                    cases++;
                }
            }
        }
        assertTrue(worst < 1e-11, "nmse " + worst);
        System.out.printf("experts split by id: %d cases, worst nmse %.2g%n", cases, worst);
    }

    @Test
    void differentKernelsAgree() {
        int cases = 0;
        double worst = 0;
        for (String name : MODELS) {
            for (Role apart : List.of(Role.EXPERTS, Role.FFN, Role.ATTENTION)) {
                Backend cpu =
                        new CpuSimdBackendProvider()
                                .open(new BackendOptions("cpu", true, Map.of()));
                float[][] actual =
                        logits(
                                name,
                                byRole(apart, "cpu", "a"),
                                List.of(cpu, new NamedBackend("a")),
                                7);
                worst = Math.max(worst, GoldenModels.normalizedError(single(name), actual));
                cases++;
            }
        }
        assertTrue(worst < 1e-10, "nmse " + worst);
        System.out.printf("cpu beside reference: %d cases, worst nmse %.2g%n", cases, worst);
    }

    private static int expertDevice(int seed, int layer, int expert) {
        return seed == 0 ? expert % 3 : new Random(Objects.hash(seed, layer, expert)).nextInt(3);
    }

    @Test
    void rulesAreFollowed() {
        PlacementRules rules =
                PlacementRules.parse(
                        ConfigFactory.parseString(
                                """
                                rules = [
                                  { match { role = experts, experts = "2-4" }, device = b }
                                  { match { role = attention, layers = "1" }, device = c }
                                ]
                                default = a
                                """));
        List<Backend> backends =
                List.of(new NamedBackend("a"), new SimulatedDevice("b"), new SimulatedDevice("c"));
        ModelLoader loader = ModelLoader.builtIn();
        try (GgufFile file = GoldenModels.open("qwen3moe.F32");
                Devices devices = new Devices(backends)) {
            Placement placement =
                    rules.resolve(loader.describe(file).weights(), List.copyOf(devices.names()));
            try (PlacedModel model = loader.load(file, placement, devices)) {
                assertEquals(List.of("a", "b", "c"), model.devices());
                assertEquals("a", model.kvDevice(0));
                assertEquals("c", model.kvDevice(1));
                // 3 of 8 experts, 3 matrices of 96 x 32 each, in 2 layers
                assertEquals(3L * 3 * 96 * 32 * 4 * 2, model.weightBytesByDevice().get("b"));
                float[][] logits = GoldenModels.logits(model, DType.F32, IDS, 4);
                double error = GoldenModels.normalizedError(single("qwen3moe.F32"), logits);
                assertTrue(error < 1e-11, "nmse " + error);
            }
        }
    }

    @Test
    void oneDeviceIsNotWrapped() {
        try (GgufFile file = GoldenModels.open("qwen3moe.F32");
                Devices devices = new Devices(hosts());
                PlacedModel model =
                        ModelLoader.builtIn().load(file, WeightDevices.all("b"), devices)) {
            assertInstanceOf(ReferenceKernels.class, model.kernels());
            assertEquals(List.of("b"), model.devices());
            assertEquals("b", model.kvDevice(0));
        }
    }

    /** A device brings bytes with several threads where it is told of all of them at once. */
    @Test
    void expertsThatFollowEachOtherComeInOnePiece() {
        SimulatedDevice far = new SimulatedDevice("b").withUploadsAskedFor(1000);
        WeightDevices someThere =
                (weight, expert) ->
                        weight.experts() > 0 && (expert < 3 || expert == 5 || expert == 6)
                                ? "b"
                                : "a";
        try (GgufFile file = GoldenModels.open("qwen3moe.F32");
                Devices devices = new Devices(List.of(new NamedBackend("a"), far));
                PlacedModel model = ModelLoader.builtIn().load(file, someThere, devices)) {
            assertEquals(2 * 3 * 2, far.uploads(), "of both layers three stacks in two runs");
            float[][] actual = GoldenModels.logits(model, DType.F32, IDS, 7);
            double error = GoldenModels.normalizedError(single("qwen3moe.F32"), actual);
            assertTrue(error < 1e-11, "nmse " + error);
        }
    }

    @Test
    void onlyActivationsAreMovedInAStep() {
        SimulatedDevice far = new SimulatedDevice("b");
        try (GgufFile file = GoldenModels.open("qwen3moe.F32");
                Devices devices = new Devices(List.of(new NamedBackend("a"), far));
                PlacedModel model =
                        ModelLoader.builtIn().load(file, byRole(Role.EXPERTS, "a", "b"), devices);
                SequenceRunner runner = new SequenceRunner(model, DType.F32, 64, 1)) {
            runner.run(IDS, false, (position, logits) -> {});
            long before = far.bytesMoved();
            runner.run(new int[] {1}, false, (position, logits) -> {});
            // Of a step of one row: ids, position, slot; for both layers a row of 96 to the host
            // and one back, choices and shares of 3 experts to the host; 320 logits to the host.
            long expected = 4 * (3 + 2 * (96 + 96 + 3 + 3) + 320);
            assertEquals(expected, far.bytesMoved() - before);
        }
    }
}
