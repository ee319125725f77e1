package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.tck.GoldenData;
import dev.juggler.tck.GoldenLogits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.opentest4j.TestAbortedException;

/** Golden models on the kernels' host build: alone, beside the processor, on two devices. */
@Timeout(300)
class GoldenModelsTest {
    private static final List<String> FEW =
            List.of("llama-dense.F32", "qwen3moe.Q4_0", "glm4moe.F32", "deepseek2-v2.F32");
    private static final String SHORT = "seq16";
    private static final int MOST_FLIPPED = 2;

    /** All models that are stored. */
    private static List<String> models() {
        try (Stream<Path> files = Files.list(GoldenData.require("models"))) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(".gguf"))
                    .map(name -> name.substring(0, name.length() - ".gguf".length()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static WeightDevices all() {
        return WeightDevices.all("cuda:0");
    }

    private static Backend cpu() {
        return new CpuSimdBackendProvider().open(new BackendOptions("cpu", true, Map.of()));
    }

    private static float[][] logits(PlacedModel model, int[] ids, int rowsPerStep) {
        float[][] logits = new float[ids.length][];
        try (SequenceRunner runner =
                new SequenceRunner(model, DType.F32, ids.length, rowsPerStep)) {
            runner.run(ids, true, (position, row) -> logits[position] = row.clone());
        }
        return logits;
    }

    /**
     * @param rounded whether activations are rounded, for which there are other limits
     */
    private static void run(
            String mode,
            List<String> models,
            String sequence,
            int rowsPerStep,
            boolean rounded,
            WeightDevices placement,
            List<Backend> backends) {
        List<String> problems = new ArrayList<>();
        int cases = 0;
        int flipped = 0;
        int skipped = 0;
        try (Devices devices = new Devices(backends)) {
            for (String name : models) {
                cases++;
                try (GgufFile file = GgufFile.open(GoldenData.require("models/" + name + ".gguf"));
                        PlacedModel model = ModelLoader.builtIn().load(file, placement, devices)) {
                    GoldenLogits golden = GoldenLogits.of(name, sequence);
                    boolean isNative = rounded && golden.has("native");
                    GoldenLogits.Verdict verdict =
                            golden.judge(
                                    logits(model, golden.ids(), rowsPerStep),
                                    isNative ? "native" : "f32");
                    problems.addAll(verdict.problems());
                    flipped += verdict.flipped() ? 1 : 0;
                } catch (TestAbortedException e) {
                    skipped++;
                }
            }
        }
        System.out.printf(
                "golden logits on the CUDA kernels' host build, %s: %d cases, %d problems, %d with"
                        + " another expert once, %d skipped%n",
                mode, cases, problems.size(), flipped, skipped);
        assertTrue(problems.isEmpty(), () -> mode + "\n" + String.join("\n", problems));
        assertTrue(flipped <= MOST_FLIPPED, "another expert in %d models".formatted(flipped));
    }

    @Test
    void exactInOneStep() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        run(
                "exact, one step",
                models(),
                SHORT,
                16,
                false,
                all(),
                List.of(HostBackends.open(driver, 0, true)));
    }

    @Test
    void exactOneTokenAStep() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        run(
                "exact, one token a step",
                models(),
                SHORT,
                1,
                false,
                all(),
                List.of(HostBackends.open(driver, 0, true)));
        assertTrue(driver.device(0).graphLaunches() > 0, "decode steps repeat, so graphs are used");
    }

    @Test
    void roundedAsUsersRunIt() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        run(
                "rounded, one step",
                models(),
                SHORT,
                16,
                true,
                all(),
                List.of(HostBackends.open(driver, 0, false)));
        run(
                "rounded, one token a step",
                models(),
                SHORT,
                1,
                true,
                all(),
                List.of(HostBackends.open(driver, 0, false)));
    }

    @Test
    void longSequences() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        run(
                "exact, 200 tokens in chunks of 50",
                FEW,
                "seq200",
                50,
                false,
                all(),
                List.of(HostBackends.open(driver, 0, true)));
    }

    @Test
    void expertsOnTheProcessor() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        run(
                "experts on the processor",
                models(),
                SHORT,
                5,
                false,
                (weight, expert) -> weight.role() == Role.EXPERTS ? "cpu" : "cuda:0",
                List.of(HostBackends.open(driver, 0, true), cpu()));
    }

    @Test
    void halfOfTheExpertsOnTheProcessor() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        run(
                "half of the experts on the processor",
                List.of("mixtral.F32", "qwen3moe.Q4_0", "gpt-oss.F32", "deepseek2-v3-groups.F32"),
                SHORT,
                1,
                false,
                (weight, expert) ->
                        weight.role() == Role.EXPERTS && expert % 2 == 1 ? "cpu" : "cuda:0",
                List.of(HostBackends.open(driver, 0, true), cpu()));
    }

    @Test
    void layersOnTwoDevices() {
        HostDriver driver = HostBackends.driver(2, HostBackends.MEMORY);
        run(
                "layers on two devices",
                models(),
                SHORT,
                4,
                false,
                GoldenModelsTest::byLayer,
                List.of(HostBackends.open(driver, 0, true), HostBackends.open(driver, 1, true)));
    }

    private static String byLayer(WeightDescriptor weight, int expert) {
        return weight.layer() > 0 ? "cuda:1" : "cuda:0";
    }

    @Test
    void memoryIsGivenBack() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        run("memory", FEW, SHORT, 16, false, all(), List.of(HostBackends.open(driver, 0, true)));
        assertEquals(0, driver.device(0).used());
    }
}
