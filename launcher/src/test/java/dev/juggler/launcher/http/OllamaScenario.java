package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;

/** A server with a scripted engine, and requests in the shape of the Ollama API. */
@Timeout(60)
abstract class OllamaScenario {
    static final String MESSAGES = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    static String demo(String further) {
        return "{\"model\":\"demo\"," + further + "}";
    }

    static void assertTime(JsonNode frame) {
        String time = frame.get("created_at").stringValue();
        assertTrue(time.matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{9}Z"), time);
        Duration age = Duration.between(Instant.parse(time), Instant.now());
        assertTrue(age.abs().toSeconds() < 60, time);
    }
}
