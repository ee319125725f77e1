package dev.juggler.engine.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import dev.juggler.engine.inference.LoadProgress;
import dev.juggler.engine.inference.ModelFile;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.placement.Hardware;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.tck.GoldenData;
import dev.juggler.tck.simulated.SimulatedClock;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * What is predicted against what a simulated machine takes, in which the host and a device compute
 * side by side, wait for each other and share a link.
 */
class SimulatedSpeedTest {
    private static final List<String> MODELS =
            List.of(
                    "qwen3moe-wide.F32",
                    "qwen3moe.Q4_0",
                    "mixtral.F32",
                    "olmoe.F32",
                    "glm4moe.F32",
                    "qwen2moe.F32",
                    "llama-dense.F32");

    /** Placements by name, each of which some real machine would have. */
    private static Map<String, String> placements() {
        Map<String, String> placements = new TreeMap<>();
        placements.put("all on the device", "default = \"sim:0\"");
        placements.put("all on the processor", "default = cpu");
        placements.put(
                "experts and dense blocks on the processor",
                "default = \"sim:0\", rules = [{ match { role = [experts, ffn] }, device = cpu }]");
        placements.put(
                "the last layer on the processor",
                "default = \"sim:0\", rules = [{ match { layers = \"last:1\" }, device = cpu }]");
        placements.put(
                "half of the experts on the processor",
                "default = \"sim:0\", rules = [{ match { role = experts, experts = even }, device = cpu }]");
        placements.put(
                "experts on the processor, one comes a layer later",
                "default = \"sim:0\", rules = [{ match { role = experts }, device = cpu, defer = 1 }]");
        return placements;
    }

    @Test
    void predictionsAreMet() {
        int cases = 0;
        double worst = 0;
        for (String name : MODELS) {
            for (Map.Entry<String, String> placement : placements().entrySet()) {
                double ratio = ratio(name, placement.getValue());
                worst = Math.max(worst, Math.abs(ratio - 1));
                assertEquals(1, ratio, 0.2, name + ", " + placement.getKey());
                cases++;
            }
        }
        System.out.printf(
                "predicted against simulated: %d cases, at most %.1f %% apart%n",
                cases, 100 * worst);
        assertTrue(worst > 0);
    }

    /** Predicted tokens a second by those that were simulated. */
    private static double ratio(String name, String placement) {
        SimulatedClock clock = new SimulatedClock();
        SimulatedDevice cpu =
                SimulatedDevice.processor("cpu").in(clock).withSpeed(new DeviceSpeed(1e7, 1e9, 0));
        SimulatedDevice card =
                new SimulatedDevice("sim:0")
                        .in(clock)
                        .withMemory(1L << 30)
                        .withLatency(Hardware.LINK_LATENCY)
                        .withSpeed(new DeviceSpeed(4e7, 1e10, 1e8));
        Config config =
                ConfigFactory.parseString(
                                "juggler.models.tiny { context = 128, parallel = 1, placement { %s } }"
                                        .formatted(placement))
                        .withValue(
                                "juggler.models.tiny.path",
                                ConfigValueFactory.fromAnyRef(
                                        GoldenData.require("models/" + name + ".gguf").toString()));
        ModelSettings settings = ModelSettings.all(config).getFirst();
        try (Devices devices = new Devices(List.of(card, cpu));
                ModelFile file = ModelFile.openForPlan(settings, devices)) {
            double predicted = file.plan().prediction().decodeTokensPerSecond();
            try (PlacedModel model = file.load(LoadProgress.NONE);
                    SequenceRunner runner = new SequenceRunner(model, DType.F32, 128, 1)) {
                int[] ids = new Random(4).ints(60, 0, 300).toArray();
                runner.run(ids, true, (position, logits) -> {});
                double before = Math.max(card.seconds(), clock.seconds());
                runner.run(ids, true, (position, logits) -> {});
                double seconds = Math.max(card.seconds(), clock.seconds()) - before;
                return predicted * seconds / ids.length;
            }
        }
    }
}
