package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.placement.Workload.StepShape;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.MemoryInfo;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Plans worked out by hand beside those that the planner makes. */
class PlanTest {
    private static final long GPU_WEIGHTS = 17_480;
    private static final long CPU_WEIGHTS = 3_000;
    private static final long CACHE = 6 * 256 * (64 + 64);
    private static final long BUFFERS = 1_000;
    private static final StepShape STEP = new StepShape(8, 16, 2, BUFFERS);
    private static final ExpertUse EVEN = ExpertUse.even(2, TinyModel.EXPERTS);
    private static final double LINK = 1e7;
    private static final long GPU_NEEDED = GPU_WEIGHTS + CACHE + BUFFERS;

    private static Placement placement(String hocon, String... devices) {
        return PlacementRules.parse(ConfigFactory.parseString(hocon))
                .resolve(TinyModel.mixture(), List.of(devices));
    }

    private static Placement hybrid() {
        return placement(
                """
                rules = [{ match { experts = "0-5", layers = moe }, device = cpu }]
                """,
                "cuda:0",
                "cpu");
    }

    /** Two sequences of 100 positions: 4 pages of 64; the first layer sees 16 positions only. */
    private static Workload workload() {
        List<KvLayerShape> layers = new ArrayList<>();
        for (int layer = 0; layer < TinyModel.LAYERS; layer++) {
            layers.add(new KvLayerShape(32, 32, layer == 0 ? 16 : 0));
        }
        return Workload.of(layers, DType.F16, 100, 2, STEP);
    }

    private static DeviceBudget gpu(long free) {
        return new DeviceBudget("cuda:0", false, new MemoryInfo(1 << 20, free), 1e6);
    }

    private static DeviceBudget host(String device, long free) {
        return new DeviceBudget(device, true, new MemoryInfo(1 << 20, free), 1e5);
    }

    private static Plan plan(DeviceBudget... devices) {
        return plan(hybrid(), workload(), devices);
    }

    private static Plan plan(Placement placement, Workload workload, DeviceBudget... devices) {
        return Plan.of(placement, workload, new Hardware(List.of(devices), LINK), EVEN);
    }

    @Test
    void addsUpMemoryPerDevice() {
        Plan plan = plan(gpu(GPU_NEEDED), host("cpu", 5_000));
        Plan.Ledger gpu = plan.devices().getFirst();
        assertEquals(GPU_WEIGHTS, gpu.weights());
        assertEquals(CACHE, gpu.cache());
        assertEquals(BUFFERS, gpu.buffers());
        assertEquals(GPU_NEEDED, gpu.needed());
        assertTrue(gpu.fits());
        Plan.Ledger cpu = plan.devices().getLast();
        assertEquals(CPU_WEIGHTS, cpu.weights());
        assertEquals(CPU_WEIGHTS + BUFFERS, cpu.needed());
        assertTrue(plan.fits());
        assertEquals(
                "cuda:0: weights 17.1 KiB + cache 192.0 KiB + buffers 1000 B = 210.0 KiB of 210.0 KiB available; "
                        + "cpu: weights 2.9 KiB + cache 0 B + buffers 1000 B = 3.9 KiB of 4.9 KiB available",
                plan.verdict());
        assertEquals(
                gpu.needed() + cpu.needed(), plan.rows().stream().mapToLong(Plan.Row::bytes).sum());
    }

    @Test
    void oneByteTooLittleDoesNotFit() {
        Plan plan = plan(gpu(GPU_NEEDED - 1), host("cpu", 5_000));
        assertFalse(plan.fits());
        assertFalse(plan.devices().getFirst().fits());
        assertTrue(plan.devices().getLast().fits());
        assertTrue(plan.verdict().contains(", 1 B too much"), plan.verdict());
        assertTrue(plan.text().contains("does not fit: cuda:0: weights"), plan.text());
    }

    @Test
    void devicesInMainMemoryShareIt() {
        Placement placement =
                placement(
                        "rules = [{ match { role = experts }, device = reference }]",
                        "cpu",
                        "reference");
        Workload workload = new Workload(workload().cache(), 100, 2, STEP);
        long needed = GPU_WEIGHTS + CPU_WEIGHTS + CACHE + BUFFERS;
        Plan fits = plan(placement, workload, host("cpu", needed), host("reference", needed));
        assertTrue(fits.fits());
        assertTrue(
                fits.verdict().startsWith("cpu and reference: weights 20.0 KiB"), fits.verdict());
        Plan not = plan(placement, workload, host("cpu", needed), host("reference", needed - 1));
        assertFalse(not.fits());
        assertFalse(not.devices().getFirst().fits());
    }

    @Test
    void predictsSpeedFromBytesRead() {
        Plan plan = plan(gpu(GPU_NEEDED), host("cpu", 5_000));
        // all but embeddings and experts, and 2 of 8 experts of the two that are on the GPU
        long gpuBytes = GPU_WEIGHTS - TinyModel.EMBED_BYTES - 5 * 200 + 5 * 50;
        long cpuBytes = 5 * 600 * 2 / 8;
        assertEquals(gpuBytes, plan.devices().getFirst().bytesPerToken());
        assertEquals(cpuBytes, plan.devices().getLast().bytesPerToken());
        // The experts of a layer are read on both devices at once, which takes as long as the CPU
        // takes; rows of 16 floats go there and back in five layers. The norms are not counted, nor
        // the GPU's experts, which are ready sooner.
        double gpuSeconds = (6 * 1000 + 5 * 320 + 600 + 4000 + 40) / 1e6;
        double link = 2 * 5 * (10e-6 + 16 * 4 / LINK);
        double seconds = gpuSeconds + cpuBytes / 1e5 + link;
        assertEquals(1 / seconds, plan.prediction().decodeTokensPerSecond(), 1e-9);
        assertEquals("cuda:0 memory bandwidth", plan.prediction().boundBy());
        long cacheBytes = (16 + 5 * 100) * 128;
        assertEquals(cacheBytes, plan.devices().getFirst().cacheBytesPerToken());
        assertEquals(
                1 / (seconds + cacheBytes / 1e6),
                plan.prediction().decodeTokensPerSecondAtFullContext(),
                1e-9);
        // Prompts, 8 rows at once: of six experts on the CPU, each used by a quarter of the rows,
        // this
        // part is read; to multiply takes less time than reading, everywhere.
        double experts = 5 * 600 * (1 - Math.pow(0.75, 8)) / 1e5;
        double prompt = gpuSeconds + experts + 2 * 5 * (10e-6 + 8 * 16 * 4 / LINK);
        assertEquals(8 / prompt, plan.prediction().prefillTokensPerSecond(), 1e-6);
    }

    @Test
    void rowsTellWhatLivesWhereAndWhy() {
        Plan plan = plan(gpu(GPU_NEEDED), host("cpu", 5_000));
        assertEquals(
                List.of(
                        new Plan.Row("embed", "", "", "cuda:0", List.of("Q8_0"), 4000, "default"),
                        new Plan.Row(
                                "attention", "0-5", "", "cuda:0", List.of("Q8_0"), 6000, "default"),
                        new Plan.Row(
                                "router", "1-5", "", "cuda:0", List.of("F32"), 1600, "default"),
                        new Plan.Row(
                                "experts",
                                "1-5",
                                "0-5",
                                "cpu",
                                List.of("Q4_K"),
                                3000,
                                "rule 1: layers=moe experts=0-5"),
                        new Plan.Row(
                                "experts",
                                "1-5",
                                "6-7",
                                "cuda:0",
                                List.of("Q4_K"),
                                1000,
                                "default"),
                        new Plan.Row("ffn", "0", "", "cuda:0", List.of("Q4_K"), 600, "default"),
                        new Plan.Row(
                                "norm",
                                "0-5",
                                "",
                                "cuda:0",
                                List.of("F32", "Q8_0"),
                                280,
                                "default"),
                        new Plan.Row("head", "", "", "cuda:0", List.of("Q8_0"), 4000, "default"),
                        new Plan.Row(
                                "cache",
                                "0",
                                "",
                                "cuda:0",
                                List.of("F16"),
                                CACHE / 6,
                                "with attention, window of 16"),
                        new Plan.Row(
                                "cache",
                                "1-5",
                                "",
                                "cuda:0",
                                List.of("F16"),
                                CACHE / 6 * 5,
                                "with attention"),
                        new Plan.Row(
                                "buffers", "", "", "cuda:0", List.of(), BUFFERS, "step of 8 rows"),
                        new Plan.Row(
                                "buffers", "", "", "cpu", List.of(), BUFFERS, "step of 8 rows")),
                plan.rows());
    }

    @Test
    void tiedEmbeddingsTakeMemoryOnceOnADevice() {
        List<WeightDescriptor> tied =
                List.of(
                        TinyModel.outside("token_embd.weight", Role.EMBED, 4_000),
                        TinyModel.outside("token_embd.weight", Role.HEAD, 4_000));
        Workload workload =
                Workload.of(
                        List.of(new KvLayerShape(32, 0, 0)),
                        DType.F32,
                        64,
                        1,
                        new StepShape(8, 16, 0, 0));
        Placement together = PlacementRules.none().resolve(tied, List.of("cpu"));
        Plan plan = plan(together, workload, host("cpu", 1 << 20));
        assertEquals(4_000, plan.devices().getFirst().weights());
        assertEquals(4_000, plan.devices().getFirst().bytesPerToken());
        assertEquals(64 * 32 * 4, plan.devices().getFirst().cache(), "latent: keys alone");
        Placement apart =
                PlacementRules.parse(
                                ConfigFactory.parseString(
                                        "rules = [{ match { role = head }, device = \"cuda:0\" }]"))
                        .resolve(tied, List.of("cpu", "cuda:0"));
        plan = plan(apart, workload, host("cpu", 1 << 20), gpu(1 << 20));
        assertEquals(4_000, plan.devices().getFirst().weights());
        assertEquals(0, plan.devices().getFirst().bytesPerToken());
        assertEquals(4_000, plan.devices().getLast().weights());
        assertEquals(4_000, plan.devices().getLast().bytesPerToken());
    }

    @Test
    void writesTablesAndJson() {
        Plan plan = plan(gpu(GPU_NEEDED), host("cpu", 5_000));
        List<String> lines = plan.text().lines().toList();
        assertEquals(
                "part       layers  experts  device      bytes  types     decided by",
                lines.get(0));
        assertEquals(
                "experts    1-5     0-5      cpu       2.9 KiB  Q4_K      rule 1: layers=moe experts=0-5",
                lines.get(4));
        assertTrue(plan.text().contains("\ncontext 100 x 2 parallel, F16 cache\n"), plan.text());
        assertTrue(plan.text().contains("at most 50.2 tokens/s"), plan.text());
        JsonNode json = JsonMapper.shared().valueToTree(plan);
        assertEquals("cuda:0", json.at("/devices/0/device").asString());
        assertEquals(3000, json.at("/rows/3/bytes").asLong());
        assertTrue(json.at("/fits").asBoolean());
    }

    @Test
    void aDeviceWithoutBudgetIsAnError() {
        assertThrows(IllegalArgumentException.class, () -> plan(gpu(GPU_NEEDED)));
    }

    @Test
    void sizesForPeople() {
        assertEquals("0 B", HumanBytes.text(0));
        assertEquals("1023 B", HumanBytes.text(1023));
        assertEquals("1.0 KiB", HumanBytes.text(1024));
        assertEquals("1.0 MiB", HumanBytes.text((1 << 20) - 1));
        assertEquals("376.9 GiB", HumanBytes.text(404_686_043_360L));
        assertEquals("8192.0 PiB", HumanBytes.text(Long.MAX_VALUE));
    }

    @Test
    void hostBandwidthIsPlausible() {
        long start = System.nanoTime();
        HostBandwidth bandwidth = HostBandwidth.measure(2);
        System.out.printf(
                "host bandwidth: %.1f GB/s with %d threads, measured in %.2f s%n",
                bandwidth.bytesPerSecond() / 1e9,
                bandwidth.threads(),
                (System.nanoTime() - start) / 1e9);
        assertTrue(bandwidth.bytesPerSecond() > 1e8, bandwidth.toString());
        assertTrue(bandwidth.bytesPerSecond() < 1e13, bandwidth.toString());
    }
}
