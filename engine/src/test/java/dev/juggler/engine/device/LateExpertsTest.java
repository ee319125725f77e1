package dev.juggler.engine.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.architecture.Architectures;
import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PagePools;
import dev.juggler.engine.cache.PageTables;
import dev.juggler.engine.cache.PagedKvCache;
import dev.juggler.engine.experts.ExpertCachePolicies;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.golden.GoldenModels;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.engine.scheduler.StepBatch;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.ExpertCachePolicy;
import dev.juggler.kernel.ExpertCachePolicyProvider;
import dev.juggler.kernel.KernelApi;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import dev.juggler.tck.simulated.SimulatedClock;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Experts in main memory that come one layer later. */
class LateExpertsTest {
    private static final int[] IDS = new Random(8).ints(24, 0, 300).toArray();
    private static final Decision DRAWN = new Decision(0, "");

    /** What of the experts is in main memory. */
    private enum Where {
        ALL_ON_HOST,
        EVEN_ON_HOST,
        TWO_HOSTS,
        NONE_ON_HOST;

        String device(int expert) {
            return switch (this) {
                case ALL_ON_HOST -> "a";
                case EVEN_ON_HOST -> expert % 2 == 0 ? "a" : "b";
                case TWO_HOSTS -> List.of("a", "b", "c").get(expert % 3);
                case NONE_ON_HOST -> "b";
            };
        }
    }

    /** Everything but experts on the device b; each layer with one behind it leaves some. */
    private static class Spread implements WeightDevices {
        private final Where where;
        private final int late;
        final TreeMap<Integer, Integer> layers = new TreeMap<>();
        final TreeMap<Integer, Long> expertBytes = new TreeMap<>();

        Spread(ModelDescription description, Where where, int late) {
            this.where = where;
            this.late = late;
            for (WeightDescriptor weight : description.weights()) {
                if (weight.experts() > 0) {
                    layers.put(weight.layer(), weight.experts());
                    expertBytes.merge(
                            weight.layer(),
                            StreamedExperts.aligned(weight.bytes() / weight.experts()),
                            Long::sum);
                }
            }
        }

        @Override
        public String device(WeightDescriptor weight, int expert) {
            return weight.role() == Role.EXPERTS ? where.device(expert) : "b";
        }

        @Override
        public int deferred(int layer) {
            return layers.containsKey(layer + 1) ? late : 0;
        }
    }

    private static List<Backend> backends(SimulatedDevice far) {
        return List.of(new NamedBackend("a"), far, new NamedBackend("c"));
    }

    private static float[][] logits(String name, Where where, int late, int rowsPerStep) {
        SimulatedDevice far = new SimulatedDevice("b");
        float[][] logits;
        try (GgufFile file = GoldenModels.open(name);
                Devices devices = new Devices(backends(far))) {
            Spread spread = new Spread(ModelLoader.builtIn().describe(file), where, late);
            try (PlacedModel model = ModelLoader.builtIn().load(file, spread, devices)) {
                logits = GoldenModels.logits(model, DType.F32, IDS, rowsPerStep);
            }
        }
        assertEquals(0, far.used(), "what was allocated is freed");
        return logits;
    }

    /** One layer later by the book, row by row, on one device: what it should compute. */
    private static float[][] byTheBook(String name, IntPredicate isOnHost, int late) {
        try (GgufFile file = GoldenModels.open(name);
                Devices devices = new Devices(List.of(new NamedBackend("a")));
                PlacedModel model =
                        ModelLoader.builtIn().load(file, WeightDevices.all("a"), devices);
                SequenceRunner runner =
                        new SequenceRunner(
                                model,
                                DType.F32,
                                IDS.length,
                                1,
                                1,
                                new LaterByTheBook(
                                        model.kernels(),
                                        new Spread(model.description(), Where.ALL_ON_HOST, late)
                                                .layers.size(),
                                        late,
                                        isOnHost))) {
            float[][] logits = new float[IDS.length][];
            runner.run(IDS, true, (position, row) -> logits[position] = row.clone());
            return logits;
        }
    }

    @Test
    void itIsWhatTheBookSays() {
        int cases = 0;
        double worst = 0;
        for (String name : MixtureModels.NAMES) {
            for (Where where : List.of(Where.ALL_ON_HOST, Where.EVEN_ON_HOST, Where.TWO_HOSTS)) {
                for (int late : new int[] {1, 2, 9}) {
                    float[][] expected =
                            byTheBook(name, expert -> !where.device(expert).equals("b"), late);
                    float[][] actual = logits(name, where, late, 1);
                    double error = GoldenModels.normalizedError(expected, actual);
                    assertTrue(error < 1e-11, "%s %s %d: %g".formatted(name, where, late, error));
                    worst = Math.max(worst, error);
                    cases++;
                }
            }
        }
        System.out.printf("experts one layer later: %d cases, worst nmse %.2g%n", cases, worst);
    }

    @Test
    void noneLateAndNoneOnTheHostAndPromptsAreAsEver() {
        int cases = 0;
        for (String name : MixtureModels.NAMES) {
            for (Where where : Where.values()) {
                float[][] singles = logits(name, where, 0, 1);
                float[][] prompt = logits(name, where, 0, 6);
                if (where == Where.NONE_ON_HOST) {
                    assertSame(singles, logits(name, where, 2, 1), name);
                    assertSame(MixtureModels.onOneDevice(name, IDS, 1), singles, name);
                    cases += 2;
                }
                assertSame(prompt, logits(name, where, 2, 6), name + ", a prompt");
                cases++;
            }
        }
        System.out.printf("nothing late: %d cases, all equal bit for bit%n", cases);
    }

    private static void assertSame(float[][] expected, float[][] actual, String what) {
        for (int row = 0; row < expected.length; row++) {
            assertArrayEquals(expected[row], actual[row], what + ", row " + row);
        }
    }

    /**
     * Prompts beside generated tokens, tokens of several sequences: nobody's logits depend on who
     * else is in the step.
     */
    @Test
    void neighboursChangeNothing() {
        int cases = 0;
        double worst = 0;
        for (String name : MixtureModels.NAMES) {
            for (Where where : List.of(Where.ALL_ON_HOST, Where.EVEN_ON_HOST)) {
                for (boolean streamed : new boolean[] {false, true}) {
                    float[][] expected = together(name, where, false, streamed);
                    float[][] actual = together(name, where, true, streamed);
                    worst = Math.max(worst, GoldenModels.normalizedError(expected, actual));
                    cases++;
                }
            }
        }
        assertTrue(worst < 1e-11, "nmse " + worst);
        System.out.printf("beside others: %d cases, worst nmse %.2g%n", cases, worst);
    }

    /**
     * Three sequences of a prompt of 5 and tokens generated one by one, of which the second begins
     * when the first generates, and the third when both do; or each alone.
     */
    private static float[][] together(String name, Where where, boolean beside, boolean streamed) {
        SimulatedDevice far = new SimulatedDevice("b");
        try (GgufFile file = GoldenModels.open(name);
                Devices devices = new Devices(backends(far))) {
            Spread spread =
                    streamed
                            ? new Streaming(ModelLoader.builtIn().describe(file), where, 2)
                            : new Spread(ModelLoader.builtIn().describe(file), where, 2);
            try (PlacedModel model = ModelLoader.builtIn().load(file, spread, devices);
                    Steps steps = new Steps(model, 3)) {
                for (int step = 0; step < 10; step++) {
                    if (beside) {
                        List<int[]> rows = new ArrayList<>();
                        for (int s = 2; s >= 0; s--) { // the prompt comes first or last
                            rows.add(new int[] {s, step - 2 * s});
                        }
                        steps.run(rows);
                    } else {
                        for (int s = 0; s < 3; s++) {
                            steps.run(List.of(new int[] {s, step - 2 * s}));
                        }
                    }
                }
                return steps.logits();
            }
        }
    }

    /** All experts in main memory come over in steps of five rows and more. */
    private static final class Streaming extends Spread {
        Streaming(ModelDescription description, Where where, int late) {
            super(description, where, late);
        }

        @Override
        public @Nullable StreamedExperts streamed(int layer) {
            Long bytes = expertBytes.get(layer);
            return bytes == null ? null : new StreamedExperts(layer, "b", 5, 1, bytes, DRAWN);
        }
    }

    /** Steps of several sequences, whose last logits are kept. */
    private static final class Steps implements AutoCloseable {
        private static final int PROMPT = 5;

        private final PlacedModel model;
        private final PagedKvCache cache;
        private final Workspace workspace;
        private final StepBatch batch;
        private final List<PageTables> pages = new ArrayList<>();
        private final Map<String, float[]> logits = new TreeMap<>();

        Steps(PlacedModel model, int sequences) {
            this.model = model;
            KvCachePlan plan =
                    KvCachePlan.of(model.model().kvLayers(), DType.F32, 32, sequences, PROMPT);
            cache = PagedKvCache.allocate(plan, model::kvBackend);
            workspace = model.allocateWorkspace(PROMPT + sequences, sequences);
            batch = new StepBatch(PROMPT + sequences, sequences, plan);
            PagePools pools = new PagePools(plan);
            for (int s = 0; s < sequences; s++) {
                pages.add(pools.take(32));
            }
        }

        /**
         * @param rows of sequences the number and how many steps it has had, which may be negative
         */
        void run(List<int[]> rows) {
            batch.clear();
            List<String> outputs = new ArrayList<>();
            for (int[] one : rows) {
                int[] tokens = new Random(one[0]).ints(32, 0, 300).toArray();
                if (one[1] == 0) {
                    batch.add(tokens, 0, PROMPT, pages.get(one[0]), 1, PROMPT);
                } else if (one[1] > 0) {
                    batch.add(tokens, PROMPT + one[1] - 1, 1, pages.get(one[0]), 1, PROMPT);
                }
                if (one[1] >= 0) {
                    outputs.add("%d %02d".formatted(one[0], one[1]));
                }
            }
            if (outputs.isEmpty()) {
                return;
            }
            long mark = workspace.mark();
            batch.write(workspace);
            Tensor result = model.model().forward(batch, cache, workspace, model.kernels());
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment row = arena.allocate(result.rowBytes(), 4);
                for (int i = 0; i < outputs.size(); i++) {
                    result.buffer().read(result.offset() + i * result.rowBytes(), row);
                    logits.put(outputs.get(i), row.toArray(ValueLayout.JAVA_FLOAT));
                }
            }
            workspace.release(mark);
        }

        float[][] logits() {
            return logits.values().toArray(float[][]::new);
        }

        @Override
        public void close() {
            cache.close();
        }
    }

    /** The first half of a layer's experts have places on the device b at the beginning. */
    private static final class WithPlaces extends Spread {
        private final String policy;

        WithPlaces(ModelDescription description, String policy, int late) {
            super(description, Where.ALL_ON_HOST, late);
            this.policy = policy;
        }

        @Override
        public @Nullable LiveExperts live(int layer) {
            Integer experts = layers.get(layer);
            return experts == null
                    ? null
                    : new LiveExperts(
                            layer,
                            "b",
                            policy,
                            experts / 2,
                            8,
                            IntStream.range(0, experts).boxed().toList(),
                            1,
                            DRAWN);
        }
    }

    @Test
    void besideExpertsThatComeAndGo() {
        int cases = 0;
        long moves = 0;
        double worst = 0;
        for (String name : MixtureModels.NAMES) {
            int half = experts(name) / 2;
            for (String policy : List.of("keep", "lru")) {
                SimulatedDevice far = new SimulatedDevice("b").withUploadsAskedFor(1);
                ModelLoader loader =
                        new ModelLoader(
                                Architectures.builtIn(),
                                ExpertCachePolicies.builtIn().and(List.of(new KeepAll())));
                try (GgufFile file = GoldenModels.open(name);
                        Devices devices = new Devices(backends(far));
                        PlacedModel model =
                                loader.load(
                                        file,
                                        new WithPlaces(loader.describe(file), policy, 1),
                                        devices)) {
                    long atLoad = far.uploads();
                    float[][] actual = GoldenModels.logits(model, DType.F32, IDS, 1);
                    if (policy.equals("keep")) {
                        float[][] expected = byTheBook(name, expert -> expert >= half, 1);
                        double error = GoldenModels.normalizedError(expected, actual);
                        worst = Math.max(worst, error);
                    } else {
                        float[][] expected = MixtureModels.onOneDevice(name, IDS, 1);
                        double error = GoldenModels.normalizedError(expected, actual);
                        assertTrue(error > 0 && error < 0.5, name + " " + error);
                        moves += far.uploads() - atLoad;
                    }
                    cases++;
                }
            }
        }
        assertTrue(worst < 1e-11, "nmse " + worst);
        assertTrue(moves > 0);
        System.out.printf(
                "late beside experts that come and go: %d cases, worst nmse %.2g, %d moves%n",
                cases, worst, moves);
    }

    private static int experts(String name) {
        try (GgufFile file = GoldenModels.open(name)) {
            ModelDescription description = ModelLoader.builtIn().describe(file);
            return new Spread(description, Where.ALL_ON_HOST, 0).layers.lastEntry().getValue();
        }
    }

    /** Nobody gives up a place. */
    private static final class KeepAll implements ExpertCachePolicyProvider {
        @Override
        public String name() {
            return "keep";
        }

        @Override
        public int apiVersion() {
            return KernelApi.VERSION;
        }

        @Override
        public ExpertCachePolicy open(int experts, int places) {
            return new ExpertCachePolicy() {
                @Override
                public void used(int expert) {}

                @Override
                public int victim(int wanted, int[] resident) {
                    return NONE;
                }
            };
        }
    }

    /** How far logits move and how many tokens change; docs/placement.md says the same. */
    @Test
    void logitsMoveAsDocumented() {
        Map<Integer, Double> most = Map.of(1, 0.12, 2, 0.42);
        Map<Integer, Integer> fewest = Map.of(1, 13, 2, 7);
        for (String name : MixtureModels.NAMES) {
            float[][] expected = MixtureModels.onOneDevice(name, IDS, 1);
            for (int late : new int[] {1, 2}) {
                float[][] actual = logits(name, Where.ALL_ON_HOST, late, 1);
                double error = GoldenModels.normalizedError(expected, actual);
                int same = 0;
                for (int row = 0; row < IDS.length; row++) {
                    same += best(expected[row]) == best(actual[row]) ? 1 : 0;
                }
                String what =
                        String.format(
                                Locale.ROOT,
                                "%s, %d late: nmse %.3f, %d of %d most probable tokens the same",
                                name,
                                late,
                                error,
                                same,
                                IDS.length);
                System.out.println(what);
                assertTrue(error > 1e-3 && error < most.getOrDefault(late, 0.0), what);
                assertTrue(same >= fewest.getOrDefault(late, 0), what);
            }
        }
    }

    private static int best(float[] row) {
        int best = 0;
        for (int i = 1; i < row.length; i++) {
            best = row[i] > row[best] ? i : best;
        }
        return best;
    }

    /** Seconds a token of generation, by the clock of a machine. */
    private static double seconds(int late) {
        SimulatedClock clock = new SimulatedClock();
        SimulatedDevice near =
                SimulatedDevice.processor("a").in(clock).withSpeed(new DeviceSpeed(1e7, 1e12, 0));
        // attention takes about as long as two of the eight chosen experts
        SimulatedDevice far =
                new SimulatedDevice("b").in(clock).withSpeed(new DeviceSpeed(2e7, 1e12, 1e12));
        try (GgufFile file = GoldenModels.open("qwen3moe-wide.F32");
                Devices devices = new Devices(List.of(far, near))) {
            Spread spread =
                    new Spread(ModelLoader.builtIn().describe(file), Where.ALL_ON_HOST, late);
            try (PlacedModel model = ModelLoader.builtIn().load(file, spread, devices);
                    SequenceRunner runner = new SequenceRunner(model, DType.F32, 64, 1)) {
                double before = far.seconds();
                runner.run(IDS, true, (position, logits) -> {});
                return (far.seconds() - before) / IDS.length;
            }
        }
    }

    @Test
    void theProcessorWorksWhileTheDeviceAttends() {
        double none = seconds(0);
        double one = seconds(1);
        double two = seconds(2);
        double four = seconds(4);
        String all =
                "%.4f s a token, one late %.4f, two %.4f, four %.4f"
                        .formatted(none, one, two, four);
        System.out.println("on a simulated machine " + all);
        assertTrue(one < 0.96 * none, all);
        assertTrue(two < 0.96 * one, all);
        assertTrue(four <= 1.001 * two, all);
    }
}
