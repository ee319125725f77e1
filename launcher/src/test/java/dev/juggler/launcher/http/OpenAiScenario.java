package dev.juggler.launcher.http;

import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** A server with a scripted engine, and requests in the shape of the OpenAI API. */
@Timeout(60)
abstract class OpenAiScenario {
    static final String CHAT = "/v1/chat/completions";

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

    static String chat(String further) {
        return "{\"model\":\"demo\"," + MESSAGES + (further.isEmpty() ? "" : "," + further) + "}";
    }

    static String completion(String further) {
        return "{\"model\":\"demo\"," + further + "}";
    }
}
