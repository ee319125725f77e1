package dev.juggler.launcher.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.profile.Phase;
import dev.juggler.engine.profile.Profile;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Kernels;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/** Where the time of the built-in model goes, and that looking does not change what is computed. */
@TestInstance(Lifecycle.PER_CLASS)
@SuppressWarnings("NullAway.Init") // set before all tests
class ProfiledRunTest {
    private static final int[] TOKENS = {5, 77, 1, 300, 9, 12, 8, 41};

    private Devices devices;
    private GgufFile file;
    private PlacedModel model;

    @BeforeAll
    void load() {
        devices = new Devices(List.of(new CpuSimdBackendProvider().open(BackendOptions.of("cpu"))));
        file = GgufFile.open(Path.of("src/main/resources/models/juggler-demo-moe-q8_0.gguf"));
        model = ModelLoader.builtIn().load(file, WeightDevices.all("cpu"), devices);
    }

    @AfterAll
    void close() {
        model.close();
        file.close();
        devices.close();
    }

    @Test
    void aTokenReadsTheExpertsThatItsRouterChooses() {
        Map<Phase, Profile.Total> phases = phases(1);
        long experts = bytes("_exps.weight");
        long count = file.metadata().count("qwen3moe.expert_count", 0);
        long used = file.metadata().count("qwen3moe.expert_used_count", 0);
        assertTrue(used < count);
        assertEquals(TOKENS.length * experts * used / count, work(phases, Phase.EXPERTS).bytes());
        assertEquals(
                TOKENS.length * bytes("ffn_gate_inp.weight"), work(phases, Phase.ROUTER).bytes());
        assertEquals(TOKENS.length * bytes("token_embd.weight"), work(phases, Phase.HEAD).bytes());
        for (Profile.Total total : phases.values()) {
            assertTrue(total.nanoseconds() > 0, total::toString);
        }
    }

    @Test
    void aPromptReadsEachWeightOnce() {
        Map<Phase, Profile.Total> phases = phases(TOKENS.length);
        long experts = bytes("_exps.weight");
        long ofLastLayer = bytes(".3.ffn_gate_exps.weight") + bytes(".3.ffn_up_exps.weight");
        ofLastLayer += bytes(".3.ffn_down_exps.weight");
        // behind its attention, the last layer computes only the row whose logits are wanted
        assertEquals(
                experts - ofLastLayer + ofLastLayer * 2 / 8, work(phases, Phase.EXPERTS).bytes());
        assertEquals(bytes("token_embd.weight"), work(phases, Phase.HEAD).bytes());
    }

    @Test
    void computesTheSame() {
        assertArrayEquals(logits(model.kernels()), logits(model.profiled(new Profile())));
    }

    @Test
    void aTableNamesEveryPhaseAndTheRoof() {
        ProfiledRun run = ProfiledRun.of("tg8", TOKENS, model, DType.F16, 1);
        String text = new ProfileReport(10e9).text(List.of(run));
        for (String word :
                List.of("tg8", "10.0 GB/s", "attention", "router", "experts", "head", "sampling")) {
            assertTrue(text.contains(word), text);
        }
        assertEquals("embed", ProfileReport.json(run).getFirst().get("phase"));
    }

    private Map<Phase, Profile.Total> phases(int rowsPerStep) {
        return ProfiledRun.of("test", TOKENS, model, DType.F16, rowsPerStep).phases().stream()
                .collect(Collectors.toMap(Profile.Total::phase, total -> total));
    }

    private static Profile.Total work(Map<Phase, Profile.Total> phases, Phase phase) {
        return phases.getOrDefault(phase, new Profile.Total(phase, 0, 0, 0));
    }

    private long bytes(String ending) {
        return file.tensors().stream()
                .filter(tensor -> tensor.name().endsWith(ending))
                .mapToLong(GgufTensor::bytes)
                .sum();
    }

    private float[] logits(Kernels kernels) {
        float[] last = new float[model.model().vocabularySize()];
        try (SequenceRunner runner =
                new SequenceRunner(model, DType.F16, TOKENS.length, 3, 1, kernels)) {
            runner.run(
                    TOKENS,
                    false,
                    (position, row) -> System.arraycopy(row, 0, last, 0, last.length));
        }
        return last;
    }
}
