package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.engine.device.WeightDevices;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Golden models alone on the kernels' host build. */
@Timeout(300)
class GoldenModelsTest {
    private static final List<String> FEW =
            List.of("llama-dense.F32", "qwen3moe.Q4_0", "glm4moe.F32", "deepseek2-v2.F32");

    private final HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);

    private void run(GoldenRun run, List<String> models) {
        Backend backend = HostBackends.open(driver, 0, !run.rounded());
        run.run(models, WeightDevices.all("cuda:0"), List.of(backend));
    }

    @Test
    void exactInOneStep() {
        run(GoldenRun.exact("exact, one step", 16), GoldenRun.models());
    }

    @Test
    void exactOneTokenAStep() {
        run(GoldenRun.exact("exact, one token a step", 1), GoldenRun.architectures());
        assertTrue(driver.device(0).graphLaunches() > 0, "decode steps repeat, so graphs are used");
    }

    /** With weights in F32 nothing is rounded. */
    @Test
    void roundedAsUsersRunIt() {
        List<String> models =
                GoldenRun.models().stream().filter(name -> !name.endsWith(".F32")).toList();
        run(GoldenRun.rounded("rounded, one step", 16), models);
        run(GoldenRun.rounded("rounded, one token a step", 1), models);
    }

    @Test
    void longSequences() {
        GoldenRun run =
                new GoldenRun("exact, 200 tokens in chunks of 50", "seq200", 50, false, DType.F32);
        run(run, FEW);
    }

    /** Prompts on tensor cores, attention as well: caches are F16 where nobody asks for more. */
    @Test
    void promptsWithAHalfPreciseCache() {
        GoldenRun run =
                new GoldenRun(
                        "rounded, 200 tokens in chunks of 50, F16 cache",
                        "seq200",
                        50,
                        true,
                        DType.F16);
        run(run, List.of("qwen3moe.Q4_0", "qwen3moe.Q8_0"));
    }

    @Test
    void memoryIsGivenBack() {
        run(GoldenRun.exact("memory", 16), FEW);
        assertEquals(0, driver.device(0).used());
    }
}
