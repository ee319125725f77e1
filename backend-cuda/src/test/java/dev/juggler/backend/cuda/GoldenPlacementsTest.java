package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.engine.device.WeightDevices;
import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.engine.placement.WeightDescriptor;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Golden models on the kernels' host build beside the processor, and on two devices. */
@Timeout(300)
class GoldenPlacementsTest {
    private static final List<String> EXPERTS =
            List.of("mixtral.F32", "qwen3moe.Q4_0", "gpt-oss.F32", "deepseek2-v3-groups.F32");

    private static Backend cpu() {
        return new CpuSimdBackendProvider().open(new BackendOptions("cpu", true, Map.of()));
    }

    private static List<Backend> besideCpu(HostDriver driver) {
        return List.of(HostBackends.open(driver, 0, true), cpu());
    }

    @Test
    void expertsOnTheProcessor() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        GoldenRun.exact("experts on the processor", 5)
                .run(
                        GoldenRun.architectures(),
                        (weight, expert) -> weight.role() == Role.EXPERTS ? "cpu" : "cuda:0",
                        besideCpu(driver));
    }

    @Test
    void halfOfTheExpertsOnTheProcessor() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        GoldenRun.exact("half of the experts on the processor", 1)
                .run(
                        EXPERTS,
                        (weight, expert) ->
                                weight.role() == Role.EXPERTS && expert % 2 == 1 ? "cpu" : "cuda:0",
                        besideCpu(driver));
    }

    /** Experts live beside the device and come to it chunk by chunk while it computes. */
    @Test
    void expertsThatComeOver() {
        HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);
        WeightDevices placement =
                new WeightDevices() {
                    @Override
                    public String device(WeightDescriptor weight, int expert) {
                        return weight.role() == Role.EXPERTS ? "cpu" : "cuda:0";
                    }

                    @Override
                    public @Nullable StreamedExperts streamed(int layer) {
                        Decision drawn = new Decision(0, "");
                        return new StreamedExperts(layer, "cuda:0", 1, 3, 1 << 20, drawn);
                    }
                };
        CudaBackend device = HostBackends.open(driver, 0, true);
        GoldenRun.exact("experts that come over", 5)
                .run(EXPERTS, placement, List.of(device, cpu()));
        assertTrue(device.uploadedBytes() > 1 << 20, device.uploadedBytes() + " bytes");
        assertEquals(0, driver.device(0).used());
    }

    @Test
    void layersOnTwoDevices() {
        HostDriver driver = HostBackends.driver(2, HostBackends.MEMORY);
        layersOnTwo("layers on two devices", driver, GoldenRun.architectures());
        assertTrue(driver.device(1).peerBytes() > 0, "they copy from each other");
    }

    @Test
    void layersOnTwoDevicesThatDoNotReachEachOther() {
        HostDriver driver = HostBackends.driver(2, HostBackends.MEMORY);
        driver.device(0).reachesNobody();
        driver.device(1).reachesNobody();
        layersOnTwo("layers on two devices through the host", driver, EXPERTS);
        assertEquals(0, driver.device(1).peerBytes());
    }

    private static void layersOnTwo(String mode, HostDriver driver, List<String> models) {
        GoldenRun.exact(mode, 4)
                .run(
                        models,
                        (weight, expert) -> weight.layer() > 0 ? "cuda:1" : "cuda:0",
                        List.of(
                                HostBackends.open(driver, 0, true),
                                HostBackends.open(driver, 1, true)));
    }
}
