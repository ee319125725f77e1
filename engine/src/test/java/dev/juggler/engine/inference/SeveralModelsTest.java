package dev.juggler.engine.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.EmbeddedEngine;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.inference.DemoModel.Told;
import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Sampling;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.ReferenceBackendProvider;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Two models in one process: on the same device, on several devices, and with too little memory.
 */
@Timeout(300)
class SeveralModelsTest {
    private static Config twoModels(String moreOfB) {
        return ConfigFactory.parseString(
                """
                juggler.model-defaults { path = "%s", context = 512, parallel = 4 }
                juggler.models { a {}, b { %s } }
                """
                        .formatted(DemoModel.file(), moreOfB));
    }

    private static GenerationRequest question(String model) {
        return GenerationRequest.of(
                model,
                new Prompt.Chat(
                        List.of(Message.of("user", "What is the capital of Italy?")),
                        List.of(),
                        Map.of()),
                Sampling.GREEDY);
    }

    @Test
    void twoModelsTakeTurnsOnOneDevice() throws Exception {
        SmallDevice device = new SmallDevice("small", 1L << 30);
        try (Devices devices = new Devices(List.of(device));
                LocalInference inference = new LocalInference(twoModels(""), devices);
                ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<Told> a = clients.submit(() -> DemoModel.read(inference.submit(question("a"))));
            Future<Told> b = clients.submit(() -> DemoModel.read(inference.submit(question("b"))));
            assertTrue(a.get().text().contains("Rome"), a.get().text());
            assertEquals(a.get().end().generatedIds(), b.get().end().generatedIds());
            assertEquals(2, inference.loaded().size());
        }
        assertEquals(0, device.used(), "all memory is given back");
    }

    @Test
    void aModelOnTwoDevicesGivesTheSameText() throws Exception {
        SmallDevice one = new SmallDevice("one", 1L << 30);
        SmallDevice two = new SmallDevice("two", 1L << 30);
        String placement =
                "placement { default = one, rules = [{ match { role = experts }, device = two }] }";
        try (Devices devices = new Devices(List.of(one, two));
                LocalInference inference = new LocalInference(twoModels(placement), devices)) {
            Told whole = DemoModel.read(inference.submit(question("a")));
            Told spread = DemoModel.read(inference.submit(question("b")));
            assertEquals(whole.end().generatedIds(), spread.end().generatedIds());
            Map<String, Long> bytes =
                    inference.loaded().stream()
                            .filter(model -> model.card().name().equals("b"))
                            .findFirst()
                            .orElseThrow()
                            .bytesByDevice();
            assertEquals(Set.of("one", "two"), bytes.keySet());
        }
        assertEquals(0, one.used() + two.used());
    }

    @Test
    void anIdleModelMakesRoomForAnotherAndOneInUseDoesNot() throws Exception {
        SmallDevice device = new SmallDevice("small", 20L << 20);
        try (Devices devices = new Devices(List.of(device));
                LocalInference inference = new LocalInference(twoModels(""), devices)) {
            inference.load("a", null);
            inference.load("b", null);
            assertEquals(
                    List.of("b"),
                    inference.loaded().stream().map(model -> model.card().name()).toList());
            try (Generation running = inference.submit(question("b"))) {
                running.next();
                InferenceException full =
                        assertThrows(InferenceException.class, () -> inference.load("a", null));
                assertEquals(InferenceException.Kind.UNAVAILABLE, full.kind());
            }
        }
    }

    @Test
    void anotherProgramCanEmbedTheEngine() throws Exception {
        try (EmbeddedEngine engine =
                EmbeddedEngine.open(twoModels(""), List.of(new ReferenceBackendProvider()))) {
            Told told = DemoModel.read(engine.inference().submit(question("a")));
            assertTrue(told.text().contains("Rome"), told.text());
        }
        assertThrows(BackendException.class, () -> EmbeddedEngine.open(twoModels(""), List.of()));
    }
}
