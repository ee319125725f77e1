package dev.juggler.engine.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.device.ModelDescription;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.engine.placement.Workload.StepShape;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.tck.GoldenData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Plans of real files: every byte of the file is planned once, however it is spread. */
class GoldenPlanTest {
    private static final String SPREAD =
            """
            rules = [
              { match { role = experts, experts = even }, device = reference }
              { match { layers = odd }, device = reference }
            ]
            """;

    @Test
    void everyByteIsPlannedOnce() throws IOException {
        List<Path> models;
        try (var files = Files.list(GoldenData.require("models"))) {
            models = files.filter(file -> file.toString().endsWith(".gguf")).sorted().toList();
        }
        int planned = 0;
        for (Path model : models) {
            try (GgufFile file = GgufFile.open(model)) {
                plan(file);
                planned++;
            }
        }
        System.out.printf("golden models planned: %d of %d%n", planned, models.size());
        assertTrue(planned > 0);
    }

    private static void plan(GgufFile file) {
        ModelDescription model = ModelLoader.builtIn().describe(file);
        int used = file.metadata().count(file.architecture() + ".expert_used_count", 0);
        Workload workload =
                Workload.of(model.kvLayers(), DType.F16, 256, 1, new StepShape(256, 64, used, 0));
        MemoryInfo memory = new MemoryInfo(1L << 30, 1L << 30);
        Hardware budgets =
                new Hardware(
                        List.of(
                                new DeviceBudget("cpu", true, memory, 1e10),
                                new DeviceBudget("reference", true, memory, 1e10)),
                        1e10);
        int experts = file.metadata().count(file.architecture() + ".expert_count", 0);
        ExpertUse use = ExpertUse.even(used, experts);
        GgufTensor factors = file.find("rope_freqs.weight"); // a part of the rotation, no weight
        long bytes = file.tensorBytes() - (factors == null ? 0 : factors.bytes());
        Plan whole = Plan.of(placed("", model), workload, budgets, use);
        assertEquals(bytes, whole.devices().getFirst().weights(), file.toString());
        assertEquals(0, whole.devices().getLast().needed());
        Plan spread = Plan.of(placed(SPREAD, model), workload, budgets, use);
        long weights = spread.devices().stream().mapToLong(Plan.Ledger::weights).sum();
        assertEquals(bytes, weights, file.toString());
        assertTrue(spread.devices().getLast().weights() > 0);
        long cache = spread.devices().stream().mapToLong(Plan.Ledger::cache).sum();
        assertEquals(workload.cache().bytes(), cache);
        // a token reads the same wherever it is, but for the rounding of each part
        long read = whole.devices().getFirst().bytesPerToken();
        long apart = spread.devices().stream().mapToLong(Plan.Ledger::bytesPerToken).sum();
        assertTrue(Math.abs(read - apart) <= read / 1000, read + " " + apart);
    }

    private static Placement placed(String hocon, ModelDescription model) {
        return PlacementRules.parse(ConfigFactory.parseString(hocon))
                .resolve(model.weights(), List.of("cpu", "reference"));
    }
}
