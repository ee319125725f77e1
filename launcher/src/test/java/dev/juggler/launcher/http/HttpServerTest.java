package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.Route;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Routes, connections and defects. */
class HttpServerTest extends EchoScenario {
    @Test
    void tellsItsHealth() throws Exception {
        JsonNode health = server.getJson("/health", 200);
        assertEquals("ok", health.get("status").stringValue());
        assertEquals(2, health.get("models").intValue());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ' ',
            value = {
                "/echo/1/x/2 1|2|/echo/1/x/2",
                "/echo/a%2Fb/x/c/d a/b|c/d|/echo/a/b/x/c/d",
                "/echo/%C3%A4+%20/x/y 'ä+ |y|/echo/ä+ /x/y'",
                "/echo/literal/x/y literal",
                "/echo/literal/x/y/ literal",
                "/echo/query?q=a%20b+c%26 'a b c&'",
                "/echo/query none"
            })
    void routesAndDecodes(String path, String expected) throws Exception {
        HttpResponse<String> response = server.get(path);
        assertEquals(200, response.statusCode());
        assertEquals(expected, response.body());
    }

    @Test
    void answersUnknownPathsInTheShapeOfTheNearestProtocol() throws Exception {
        JsonNode openai = server.getJson("/v1/nothing", 404);
        assertEquals("invalid_request_error", openai.at("/error/type").stringValue());
        JsonNode ollama = server.getJson("/api/nothing", 404);
        assertTrue(ollama.get("error").isString());
        assertTrue(server.getJson("/elsewhere", 404).get("error").isString());
        assertEquals("echo: there is no /echo/1/y", server.get("/echo/1/y").body());
        try (RawClient client = new RawClient(server)) {
            client.send("GET /echo/%ZZ/x/y HTTP/1.1\nHost: x\n\n");
            assertEquals(400, client.answer().status());
        }
    }

    @Test
    void namesTheMethodsThatAPathHas() throws Exception {
        HttpResponse<String> response = server.get("/v1/chat/completions");
        assertEquals(405, response.statusCode());
        assertEquals("POST, OPTIONS", response.headers().firstValue("Allow").orElseThrow());
        assertTrue(response.body().contains("\"error\":{\"message\""), response.body());
        HttpResponse<String> ollama =
                server.send(server.request("/api/tags").POST(BodyPublishers.ofString("{}")));
        assertEquals(405, ollama.statusCode());
        assertEquals("GET, HEAD, OPTIONS", ollama.headers().firstValue("Allow").orElseThrow());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/api/version", "/api/tags", "/v1/models", "/health"})
    void answersHeadWhereGet(String path) throws Exception {
        try (RawClient client = new RawClient(server)) {
            client.send("HEAD " + path + " HTTP/1.1\nHost: x\n\n");
            RawClient.Answer head = client.head();
            assertEquals(200, head.status());
            assertTrue(Integer.parseInt(head.headers().get("content-length")) > 0);
            client.send("GET " + path + " HTTP/1.1\nHost: x\n\n");
            RawClient.Answer whole = client.answer();
            assertEquals(
                    head.headers().get("content-length"), whole.headers().get("content-length"));
        }
    }

    @Test
    void keepsConnectionsAliveAndAnswersPipelinedRequestsInOrder() throws Exception {
        try (RawClient client = new RawClient(server)) {
            for (int i = 0; i < 20; i++) {
                client.post("/echo", "body " + i);
                assertEquals("body " + i, client.answer().body());
            }
            StringBuilder pipeline = new StringBuilder();
            for (int i = 0; i < 20; i++) {
                pipeline.append(
                        i % 2 == 0
                                ? "GET /echo/%d/x/y HTTP/1.1\nHost: x\n\n".formatted(i)
                                : "POST /echo HTTP/1.1\nHost: x\nContent-Length: 2\n\n%02d"
                                        .formatted(i));
            }
            client.send(pipeline.toString());
            for (int i = 0; i < 20; i++) {
                String body = client.answer().body();
                assertEquals(i % 2 == 0 ? i + "|y|/echo/" + i + "/x/y" : "%02d".formatted(i), body);
            }
        }
    }

    @Test
    void answersPipelinedStreamsInOrder() throws Exception {
        // The watch for a client that goes away meets the second request's bytes.
        String body = "{\"model\":\"demo\",\"prompt\":\"x\"}";
        for (int round = 0; round < 20; round++) {
            try (RawClient client = new RawClient(server)) {
                client.post("/api/generate", body);
                client.post("/api/generate", body);
                client.post("/echo", "end");
                assertTrue(client.answer().body().contains("\"done\":true"));
                assertTrue(client.answer().body().contains("\"done\":true"));
                assertEquals("end", client.answer().body());
            }
        }
    }

    @Test
    void takesUpgradeRequestsAsHttp11() throws Exception {
        try (RawClient client = new RawClient(server)) {
            for (int i = 0; i < 3; i++) {
                client.send(
                        """
                        POST /echo HTTP/1.1
                        Host: x
                        Connection: Upgrade, HTTP2-Settings
                        Upgrade: h2c
                        HTTP2-Settings: AAEAAEAAAAIAAAAB
                        Content-Length: 4

                        body\
                        """);
                RawClient.Answer answer = client.answer();
                assertEquals(200, answer.status());
                assertEquals("body", answer.body());
            }
        }
    }

    @Test
    void turnsDefectsIntoErrors() throws Exception {
        HttpResponse<String> defect = server.get("/echo/defect");
        assertEquals(500, defect.statusCode());
        assertFalse(defect.body().contains("a defect of the test"), defect.body());
        assertEquals(500, server.get("/echo/silent").statusCode());
        // An answer that breaks off must not look whole.
        assertThrows(IOException.class, () -> server.get("/echo/cut"));
        assertEquals(200, server.get("/health").statusCode());
    }

    @Test
    void refusesTwoProtocolsOnOneRoute() {
        IllegalArgumentException conflict =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                new TestServer(
                                        HttpSettings.DEFAULTS,
                                        Map.of("rival", new RivalProtocol())));
        String message = String.valueOf(conflict.getMessage());
        assertTrue(message.contains("'openai' and 'rival'"), message);
        assertTrue(message.contains("GET /v1/models/{name*}"));
    }

    private static final class RivalProtocol implements Protocol {
        @Override
        public List<Route> routes() {
            return List.of(new Route("GET", "/v1/models/{name*}", call -> {}));
        }

        @Override
        public void writeError(HttpCall call, HttpError error) {}
    }

    @Test
    void namesTheAddressThatIsInUse() {
        HttpServer second =
                new HttpServer(
                        HttpSettings.DEFAULTS.withPort(server.port()), Map.of(), () -> Map.of());
        IOException refused = assertThrows(IOException.class, second::start);
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.contains("127.0.0.1:" + server.port()), message);
        assertTrue(message.contains("choose another port"), message);
        second.close();
    }
}
