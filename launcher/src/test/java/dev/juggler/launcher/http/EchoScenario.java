package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;

/** A server with a protocol that echoes, small limits and short timeouts. */
@Timeout(60)
abstract class EchoScenario {
    static final int LIMIT = 1 << 20;

    TestServer server;

    @BeforeEach
    void start() throws IOException {
        server =
                new TestServer(
                        HttpSettings.DEFAULTS
                                .withMaxBodyBytes(LIMIT)
                                .withTimeouts(Duration.ofSeconds(5), Duration.ofSeconds(20)),
                        Map.of("echo", new EchoProtocol()));
    }

    @AfterEach
    void stop() {
        server.close();
        assertEquals(0, server.server.running(), "requests that never ended");
    }
}
