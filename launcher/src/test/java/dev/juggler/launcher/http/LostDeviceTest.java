package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.juggler.engine.device.Devices;
import dev.juggler.engine.inference.LocalInference;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.tck.simulated.SimulatedDevice;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;

/**
 * A device is lost under the real engine: clients are told with 503 and the cause, and the server
 * answers the next request without the device.
 */
@Timeout(120)
class LostDeviceTest {
    private static final Config CONFIG =
            ConfigFactory.parseString(
                    """
                    juggler.models.demo {
                      path = "%s", context = 512, parallel = 4, placement { default = "sim:0" }
                    }
                    """
                            .formatted(
                                    Path.of("src/main/resources/models/juggler-demo-moe-q8_0.gguf")
                                            .toAbsolutePath()));

    private static final String QUESTION =
            "\"model\":\"demo\",\"messages\":[{\"role\":\"user\",\"content\":\"What is the capital of Italy?\"}]";

    private static String openAi(boolean stream) {
        return "{%s,\"temperature\":0,\"max_tokens\":12,\"stream\":%s}".formatted(QUESTION, stream);
    }

    private static String ollama(boolean stream) {
        return "{%s,\"options\":{\"temperature\":0,\"num_predict\":12},\"stream\":%s}"
                .formatted(QUESTION, stream);
    }

    /** Asks over HTTP, of a server on whose device everything fails after some operations. */
    private interface Client {
        void ask(TestServer server) throws Exception;
    }

    private static void afterOperations(long operations, String path, String body, Client client)
            throws Exception {
        SimulatedDevice card =
                new SimulatedDevice("sim:0")
                        .withMemory(1L << 30)
                        .withSpeed(new DeviceSpeed(1e15, 1e17, 25e12));
        try (Devices devices = new Devices(List.of(card, new ReferenceBackend()));
                LocalInference inference = new LocalInference(CONFIG, devices)) {
            inference.load("demo", null);
            card.failingAfter(operations);
            try (TestServer server = new TestServer(HttpSettings.DEFAULTS, Map.of(), inference)) {
                client.ask(server);
                assertEquals(Set.of("sim:0"), devices.quarantined().keySet());
                HttpResponse<String> next = server.post(path, body);
                assertEquals(200, next.statusCode(), next.body());
                assertTrue(next.body().contains("Rome"), next.body());
            }
        }
    }

    @Test
    void openAiClientsGet503() throws Exception {
        String path = "/v1/chat/completions";
        afterOperations(
                5,
                path,
                openAi(false),
                server -> {
                    HttpResponse<String> lost = server.post(path, openAi(false));
                    JsonNode error = TestServer.json(lost, 503).get("error");
                    assertEquals("unavailable", error.get("code").stringValue());
                    String message = error.get("message").stringValue();
                    assertTrue(message.contains("device sim:0 has failed"), message);
                    assertTrue(lost.headers().firstValue("Retry-After").isPresent());
                });
    }

    @Test
    void ollamaClientsGet503() throws Exception {
        afterOperations(
                5,
                "/api/chat",
                ollama(false),
                server -> {
                    JsonNode error = server.postJson("/api/chat", ollama(false), 503);
                    String message = error.get("error").stringValue();
                    assertTrue(message.contains("device sim:0 has failed"), message);
                });
    }

    /** A stream begins when the engine has taken the request. */
    @Test
    void streamsEndWithTheCause() throws Exception {
        String path = "/v1/chat/completions";
        for (int operations : new int[] {5, 700}) { // in the prompt, in the answer
            afterOperations(
                    operations,
                    path,
                    openAi(false),
                    server -> {
                        HttpResponse<String> begun = server.post(path, openAi(true));
                        assertEquals(200, begun.statusCode(), begun.body());
                        JsonNode last = TestServer.data(begun.body()).getLast();
                        String code = last.at("/error/code").stringValue();
                        assertEquals("unavailable", code, begun.body());
                        assertFalse(begun.body().contains("[DONE]"));
                    });
        }
    }
}
