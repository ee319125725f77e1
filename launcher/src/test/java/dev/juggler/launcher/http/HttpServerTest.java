package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.protocol.HttpCall;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.Route;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@Timeout(60)
class HttpServerTest {
    /** Echoes bodies and paths, and fails on demand. */
    private static final class EchoProtocol implements Protocol {
        @Override
        public List<Route> routes() {
            return List.of(
                    new Route("POST", "/echo", EchoProtocol::echo),
                    new Route("GET", "/echo/{a}/x/{rest*}", EchoProtocol::parameters),
                    new Route("GET", "/echo/literal/x/y", call -> text(call, "literal")),
                    new Route("GET", "/echo/query", EchoProtocol::query),
                    new Route("GET", "/echo/silent", call -> {}),
                    new Route("GET", "/echo/cut", EchoProtocol::cut),
                    new Route(
                            "GET",
                            "/echo/defect",
                            call -> {
                                throw new IllegalArgumentException("a defect of the test");
                            }));
        }

        private static void echo(HttpCall call) throws IOException {
            call.respond(200, "application/octet-stream", call.body());
        }

        private static void parameters(HttpCall call) throws IOException {
            text(
                    call,
                    call.pathParameter("a") + "|" + call.pathParameter("rest") + "|" + call.path());
        }

        private static void query(HttpCall call) throws IOException {
            text(call, call.query("q").orElse("none"));
        }

        private static void cut(HttpCall call) throws IOException {
            call.stream(200, "text/plain").write("half".getBytes(StandardCharsets.UTF_8));
            throw new IllegalStateException("fails in the middle");
        }

        private static void text(HttpCall call, String text) throws IOException {
            call.respond(200, "text/plain", text.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public void writeError(HttpCall call, HttpError error) throws IOException {
            call.respond(
                    error.status(),
                    "text/plain",
                    ("echo: " + error.text()).getBytes(StandardCharsets.UTF_8));
        }
    }

    private static final int LIMIT = 1 << 20;

    private TestServer server;

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
    void takesChunkedBodiesInSmallPieces() throws Exception {
        byte[] text = "héllo wörld, 你好, 🤹".getBytes(StandardCharsets.UTF_8);
        try (RawClient client = new RawClient(server)) {
            client.send("POST /echo HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n");
            for (byte b : text) {
                client.send("1\n");
                client.sendBytes(new byte[] {b});
                client.send("\n");
            }
            client.send("0\n\n");
            assertEquals(new String(text, StandardCharsets.UTF_8), client.answer().body());
            client.post("/echo", "next");
            assertEquals("next", client.answer().body());
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

    @ParameterizedTest
    @ValueSource(ints = {0, 10, 70_000, 1_000_000})
    void echoesToTheJdkClientAsItComes(int size) throws Exception {
        byte[] body = new byte[size];
        new Random(size).nextBytes(body);
        for (HttpClient.Version version : HttpClient.Version.values()) {
            if (version.name().equals("HTTP_3")) {
                continue;
            }
            for (int i = 0; i < 3; i++) {
                HttpResponse<byte[]> response =
                        server.client.send(
                                server.request("/echo")
                                        .version(version)
                                        .POST(BodyPublishers.ofByteArray(body))
                                        .build(),
                                BodyHandlers.ofByteArray());
                assertEquals(200, response.statusCode());
                assertArrayEquals(body, response.body());
            }
        }
    }

    @Test
    void refusesLargeBodiesAndEndsTheExchange() throws Exception {
        try (RawClient client = new RawClient(server)) {
            client.send("POST /echo HTTP/1.1\nHost: x\nContent-Length: " + (LIMIT + 1) + "\n\n");
            RawClient.Answer answer = client.answer();
            assertEquals(413, answer.status());
            assertEquals("close", answer.headers().get("connection"));
            assertTrue(answer.body().contains(Integer.toString(LIMIT)), answer.body());
        }
        for (long size : new long[] {LIMIT + 1, 20L * LIMIT}) {
            HttpResponse<String> known =
                    server.send(
                            server.request("/v1/chat/completions")
                                    .POST(BodyPublishers.ofByteArray(new byte[(int) size])));
            assertEquals(413, known.statusCode());
            assertTrue(known.body().contains("request_too_large"), known.body());
        }
        HttpResponse<String> chunked =
                server.send(
                        server.request("/api/chat")
                                .POST(
                                        BodyPublishers.ofInputStream(() ->
                                                new ByteArrayInputStream(new byte[3 * LIMIT]))));
        assertEquals(413, chunked.statusCode());
        assertEquals(200, server.get("/health").statusCode());
        HttpResponse<String> largest =
                server.send(
                        server.request("/echo").POST(BodyPublishers.ofString("x".repeat(LIMIT))));
        assertEquals(LIMIT, largest.body().length());
    }

    @Test
    void asksForTheBodyOnlyWhereItIsTaken() throws Exception {
        try (RawClient client = new RawClient(server)) {
            client.send(
                    "POST /echo HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 4\n\n");
            assertEquals("HTTP/1.1 100 Continue", client.line());
            client.line();
            client.send("body");
            assertEquals("body", client.answer().body());
        }
        try (RawClient client = new RawClient(server)) {
            client.send(
                    "POST /echo HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: %d\n\n"
                            .formatted(LIMIT + 1));
            assertEquals(413, client.answer().status());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "application/json, 200",
        "application/json; charset=utf-8, 200",
        "application/x-www-form-urlencoded, 200",
        "'', 200",
        "text/xml, 415",
        "multipart/form-data; boundary=x, 415",
        "image/png, 415"
    })
    void judgesContentTypes(String type, int status) throws Exception {
        for (String path : List.of("/v1/completions", "/api/generate")) {
            try (RawClient client = new RawClient(server)) {
                String body = "{\"model\":\"demo\",\"prompt\":\"x\",\"stream\":false}";
                String header = type.isEmpty() ? "" : "Content-Type: " + type + "\n";
                client.send(
                        "POST %s HTTP/1.1\nHost: x\n%sContent-Length: %d\n\n%s"
                                .formatted(path, header, body.length(), body));
                assertEquals(status, client.answer().status(), path);
            }
        }
    }

    @Test
    void refusesCompressedBodies() throws Exception {
        HttpResponse<String> response =
                server.send(
                        server.request("/v1/completions")
                                .header("Content-Encoding", "gzip")
                                .POST(BodyPublishers.ofByteArray(new byte[] {31, -117})));
        assertEquals(415, response.statusCode());
    }

    @Test
    void endsABodyThatNeverComes() throws Exception {
        try (TestServer impatient =
                        new TestServer(
                                HttpSettings.DEFAULTS.withTimeouts(
                                        Duration.ofMillis(200), Duration.ofSeconds(5)),
                                Map.of());
                RawClient client = new RawClient(impatient)) {
            client.send("POST /v1/completions HTTP/1.1\nHost: x\nContent-Length: 100\n\n{");
            assertEquals(408, client.answer().status());
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
