package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.inference.DemoModel.Told;
import dev.juggler.inference.Generation;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Sampling;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.DeviceFailedException;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Devices that fail, are full, or have a slow link, while a model is on them. */
@Timeout(300)
class FailingDeviceTest {
    private static final DeviceSpeed FAST = new DeviceSpeed(1e15, 1e17, 25e9);
    private static final String QUESTION = "What is the capital of Italy?";

    private static SimulatedDevice device(String name) {
        return new SimulatedDevice(name).withMemory(1L << 30).withSpeed(FAST);
    }

    private static Devices open(Backend... backends) {
        List<Backend> all = new ArrayList<>(List.of(backends));
        all.add(new ReferenceBackend());
        return new Devices(all);
    }

    private static Told ask(LocalInference inference) throws InterruptedException {
        return DemoModel.read(inference.submit(DemoModel.chat(QUESTION, Sampling.GREEDY, 12)));
    }

    private static Set<String> devicesOf(LocalInference inference) {
        return inference.loaded().getFirst().bytesByDevice().keySet();
    }

    /** The answer of one device in main memory. */
    private static List<Integer> expected() throws InterruptedException {
        try (Devices devices = DemoModel.devices();
                LocalInference inference = new LocalInference(DemoModel.config(""), devices)) {
            return ask(inference).end().generatedIds();
        }
    }

    private static InferenceException failure(Future<?> answer) {
        Throwable cause = assertThrows(Exception.class, answer::get).getCause();
        return assertInstanceOf(InferenceException.class, cause);
    }

    @Test
    void aLostDeviceFailsWhatRunsAndTheModelGoesOnElsewhere() throws Exception {
        SimulatedDevice card = device("sim:0");
        try (Devices devices = open(card);
                LocalInference inference = new LocalInference(DemoModel.config(""), devices);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            assertEquals(expected(), ask(inference).end().generatedIds());
            assertEquals(Set.of("sim:0"), devicesOf(inference), "auto fills the device");
            card.failingAfter(100);
            List<Future<Told>> running = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                Generation generation =
                        inference.submit(DemoModel.chat(QUESTION, Sampling.GREEDY, 200));
                running.add(clients.submit(() -> DemoModel.read(generation)));
            }
            for (Future<Told> answer : running) {
                InferenceException failure = failure(answer);
                assertEquals(InferenceException.Kind.UNAVAILABLE, failure.kind());
                assertTrue(
                        String.valueOf(failure.getMessage())
                                .contains("device sim:0 has failed: it has fallen off the bus"),
                        failure.getMessage());
                Throwable first = failure;
                while (first.getCause() != null) {
                    first = first.getCause();
                }
                assertInstanceOf(DeviceFailedException.class, first);
            }
            assertEquals(Set.of("sim:0"), devices.quarantined().keySet());
            assertEquals(expected(), ask(inference).end().generatedIds());
            assertEquals(Set.of("reference"), devicesOf(inference));
        }
        assertEquals(0, card.used(), "what can be freed is freed");
    }

    @Test
    void aRuleThatNamesALostDeviceIsLeftToAuto() throws Exception {
        SimulatedDevice one = device("sim:0");
        SimulatedDevice two = device("sim:1");
        Config config =
                DemoModel.config(
                        "placement { default = \"sim:0\", rules = [{ match { role = experts }, device = \"sim:1\" }] }");
        try (Devices devices = open(one, two);
                LocalInference inference = new LocalInference(config, devices)) {
            assertEquals(expected(), ask(inference).end().generatedIds());
            assertEquals(Set.of("sim:0", "sim:1", "reference"), devicesOf(inference));
            two.failingAfter(0);
            assertThrows(InferenceException.class, () -> ask(inference));
            assertEquals(expected(), ask(inference).end().generatedIds());
            assertEquals(Set.of("sim:0"), devicesOf(inference));
            one.failingAfter(0);
            assertThrows(InferenceException.class, () -> ask(inference));
            assertEquals(expected(), ask(inference).end().generatedIds());
            assertEquals(Set.of("reference"), devicesOf(inference));
        }
    }

    @Test
    void aDeviceThatFailsWhileAModelIsLoadedIsNotUsed() throws Exception {
        SimulatedDevice card = device("sim:0").failingAfter(0);
        try (Devices devices = open(card);
                LocalInference inference = new LocalInference(DemoModel.config(""), devices)) {
            assertThrows(InferenceException.class, () -> ask(inference));
            inference.load(DemoModel.NAME, null);
            assertEquals(Set.of("reference"), devicesOf(inference));
        }
        SimulatedDevice dead = device("sim:0").failingAfter(0);
        assertThrows(DeviceFailedException.class, () -> dead.kernels().add(none(), none(), none()));
        try (Devices devices = open(dead);
                LocalInference inference = new LocalInference(DemoModel.config(""), devices)) {
            assertEquals(expected(), ask(inference).end().generatedIds());
            assertEquals(Set.of("sim:0"), devices.quarantined().keySet());
        }
    }

    private static Tensor none() {
        return Tensor.of(DType.F32, 1, 1, HostBuffer.allocate(4));
    }

    @Test
    void whereNothingIsLeftTheReasonIsTold() throws Exception {
        SimulatedDevice card = device("sim:0");
        try (Devices devices = new Devices(List.of(card));
                LocalInference inference = new LocalInference(DemoModel.config(""), devices)) {
            ask(inference);
            card.failingAfter(3);
            assertThrows(InferenceException.class, () -> ask(inference));
            InferenceException none = assertThrows(InferenceException.class, () -> ask(inference));
            assertEquals(InferenceException.Kind.UNAVAILABLE, none.kind());
            assertTrue(
                    String.valueOf(none.getMessage()).contains("no device is left"),
                    none.getMessage());
        }
    }

    @Test
    void whatHasNoRoomStaysInMainMemory() throws Exception {
        SimulatedDevice card = device("sim:0").withMemory(14L << 20);
        try (Devices devices = open(card);
                LocalInference inference = new LocalInference(DemoModel.config(""), devices)) {
            assertEquals(expected(), ask(inference).end().generatedIds());
            assertEquals(Set.of("sim:0", "reference"), devicesOf(inference));
            long planned = inference.loaded().getFirst().bytesByDevice().getOrDefault("sim:0", 0L);
            assertTrue(card.used() <= planned && card.used() > 0, card.used() + " " + planned);
            assertTrue(planned <= 14L << 20);
        }
    }

    @Test
    void moreThanADeviceHasIsRefusedBeforeItIsTouched() {
        SimulatedDevice card = device("sim:0").withMemory(1L << 20);
        Config config = DemoModel.config("placement { default = \"sim:0\" }");
        try (Devices devices = open(card);
                LocalInference inference = new LocalInference(config, devices)) {
            InferenceException full =
                    assertThrows(InferenceException.class, () -> inference.load("demo", null));
            assertEquals(InferenceException.Kind.UNAVAILABLE, full.kind());
            assertTrue(
                    String.valueOf(full.getMessage()).contains("of 1.0 MiB available"),
                    full.getMessage());
            assertTrue(
                    String.valueOf(full.getMessage()).contains("what would make it fit"),
                    full.getMessage());
            assertEquals(0, card.copies());
            assertFalse(devices.quarantined().containsKey("sim:0"));
        }
    }

    @Test
    void aSlowLinkIsWhatTheModelIsBoundBy() {
        SimulatedDevice card =
                device("sim:0").withMemory(14L << 20).withSpeed(new DeviceSpeed(1e15, 1e17, 1e3));
        try (Devices devices = open(card);
                ModelFile file =
                        ModelFile.openForPlan(
                                ModelSettings.all(DemoModel.config("")).getFirst(), devices)) {
            assertEquals("link", file.plan().prediction().boundBy());
            assertTrue(file.plan().prediction().decodeTokensPerSecond() < 1);
        }
    }
}
