package dev.juggler.launcher.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.device.ModelLoader;
import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.OutOfDeviceMemoryException;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.tck.GoldenData;
import dev.juggler.tck.simulated.SimulatedBackendProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A device with memory of its own that comes as a plugin, behind the wall, and runs a model. */
class SimulatedPluginTest {
    private static final int[] IDS = {7, 3, 250, 18, 99, 41, 5, 5, 190, 77};

    @TempDir Path folder;

    private PluginHost host() throws Exception {
        SimulatedPlugin.zipInto(folder);
        return PluginHost.open(folder, "0.1.0");
    }

    private static BackendProvider provider(PluginHost host) {
        assertEquals(List.of("sim"), List.copyOf(host.backends().keySet()), "" + host.found());
        return Objects.requireNonNull(host.backends().get("sim"));
    }

    private static float[][] logits(List<Backend> backends, String rules) throws IOException {
        float[][] logits = new float[IDS.length][];
        ModelLoader loader = ModelLoader.builtIn();
        try (GgufFile file = GgufFile.open(GoldenData.require("models/qwen3moe.F32.gguf"));
                Devices devices = new Devices(backends)) {
            Placement placement =
                    PlacementRules.parse(ConfigFactory.parseString(rules))
                            .resolve(loader.describe(file).weights(), List.copyOf(devices.names()));
            try (PlacedModel model = loader.load(file, placement, devices);
                    SequenceRunner runner = new SequenceRunner(model, DType.F32, 32, 4)) {
                runner.run(IDS, true, (position, row) -> logits[position] = row.clone());
            }
        }
        return logits;
    }

    @Test
    void aModelRunsOnThePluginsDevices() throws Exception {
        float[][] expected = logits(List.of(new ReferenceBackend()), "default = reference");
        String rules =
                """
                rules = [
                  { match { role = experts }, device = reference,
                    hot { device = "sim:1", memory = 200KiB, choose = lru },
                    prefill { device = "sim:1", when-rows = 3 } }
                  { match { role = attention }, device = "sim:0" }
                ]
                default = "sim:1"
                """;
        try (PluginHost host = host()) {
            BackendProvider provider = provider(host);
            assertNotSame(SimulatedBackendProvider.class, provider.getClass());
            Availability.Usable usable =
                    assertInstanceOf(Availability.Usable.class, provider.probe());
            assertEquals(List.of("sim:0", "sim:1"), usable.devices());
            Backend first = provider.open(BackendOptions.of("sim:0"));
            Backend second = provider.open(BackendOptions.of("sim:1"));
            float[][] actual = logits(List.of(first, second, new ReferenceBackend()), rules);
            double difference = 0;
            double norm = 0;
            for (int row = 0; row < IDS.length; row++) {
                for (int i = 0; i < expected[row].length; i++) {
                    difference += Math.pow((double) expected[row][i] - actual[row][i], 2);
                    norm += Math.pow(expected[row][i], 2);
                }
            }
            assertTrue(difference / norm < 1e-11, "nmse " + difference / norm);
        }
    }

    @Test
    void itIsFullOrLostAsConfigured() throws Exception {
        try (PluginHost host = host()) {
            BackendProvider provider = provider(host);
            try (Backend small =
                    provider.open(BackendOptions.of("sim:0", Map.of("memory-mib", "1")))) {
                assertEquals(1 << 20, small.memory().total());
                assertThrows(OutOfDeviceMemoryException.class, () -> small.allocate((1 << 20) + 1));
            }
            Backend lost = provider.open(BackendOptions.of("sim:0", Map.of("fail-after", "20")));
            DeviceFailedException failure =
                    assertThrows(
                            DeviceFailedException.class,
                            () -> logits(List.of(lost), "default = \"sim:0\""));
            assertEquals("sim:0", failure.device());
        }
    }
}
