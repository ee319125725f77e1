package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies of requests: of all sizes, in pieces, too large, of other types, and missing. */
class HttpBodiesTest extends EchoScenario {
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
}
