package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Pages of other origins. */
class CorsTest extends EchoScenario {
    @Test
    void sendsNoCorsHeadersUnlessConfigured() throws Exception {
        HttpResponse<String> response =
                server.send(server.request("/v1/models").header("Origin", "http://a.example"));
        assertEquals(200, response.statusCode());
        assertTrue(response.headers().firstValue("Access-Control-Allow-Origin").isEmpty());
        HttpResponse<String> options =
                server.send(
                        server.request("/v1/models").method("OPTIONS", BodyPublishers.noBody()));
        assertEquals(204, options.statusCode());
        assertEquals("GET, HEAD, OPTIONS", options.headers().firstValue("Allow").orElseThrow());
    }

    @Test
    void answersPreflightsOfConfiguredOrigins() throws Exception {
        HttpSettings settings = HttpSettings.DEFAULTS.withCorsOrigins(List.of("http://a.example"));
        try (TestServer cors = new TestServer(settings, Map.of());
                RawClient client = new RawClient(cors)) {
            for (String origin : List.of("http://a.example", "http://b.example")) {
                client.send(
                        "OPTIONS /v1/chat/completions HTTP/1.1\nHost: x\nOrigin: %s\n"
                                        .formatted(origin)
                                + "Access-Control-Request-Method: POST\n"
                                + "Access-Control-Request-Headers: authorization,content-type\n\n");
                Map<String, String> headers = client.answer().headers();
                boolean allowed = origin.equals("http://a.example");
                assertEquals(allowed ? origin : null, headers.get("access-control-allow-origin"));
                assertEquals(
                        allowed ? "authorization,content-type" : null,
                        headers.get("access-control-allow-headers"));
                // A page must be able to read errors too.
                client.send(
                        "POST /v1/completions HTTP/1.1\nHost: x\nOrigin: %s\nContent-Length: 1\n\n{"
                                .formatted(origin));
                RawClient.Answer error = client.answer();
                assertEquals(400, error.status());
                assertEquals(
                        allowed ? origin : null,
                        error.headers().get("access-control-allow-origin"));
            }
        }
        try (TestServer open =
                        new TestServer(
                                HttpSettings.DEFAULTS.withCorsOrigins(List.of("*")), Map.of());
                RawClient client = new RawClient(open)) {
            client.send("GET /api/tags HTTP/1.1\nHost: x\nOrigin: http://c.example\n\n");
            assertEquals("*", client.answer().headers().get("access-control-allow-origin"));
            client.send("GET /api/tags HTTP/1.1\nHost: x\n\n");
            assertNull(client.answer().headers().get("access-control-allow-origin"));
        }
    }
}
