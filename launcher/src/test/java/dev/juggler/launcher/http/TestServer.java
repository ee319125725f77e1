package dev.juggler.launcher.http;

import dev.juggler.inference.Inference;
import dev.juggler.ollama.OllamaProtocolProvider;
import dev.juggler.openai.OpenAiProtocolProvider;
import dev.juggler.protocol.Protocol;
import dev.juggler.protocol.ProtocolContext;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The real server on a free port of the loopback, with both protocols over an engine. */
final class TestServer implements AutoCloseable {
    static final JsonMapper JSON = JsonMapper.builder().build();

    final ScriptedInference inference;
    final HttpServer server;
    final HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    TestServer() throws IOException {
        this(HttpSettings.DEFAULTS, Map.of());
    }

    TestServer(HttpSettings settings, Map<String, Protocol> further) throws IOException {
        this(settings, further, new ScriptedInference());
    }

    /**
     * @param engine what answers: {@link #inference} where it is scripted
     */
    TestServer(HttpSettings settings, Map<String, Protocol> further, Inference engine)
            throws IOException {
        inference = engine instanceof ScriptedInference script ? script : new ScriptedInference();
        Map<String, Protocol> protocols = new LinkedHashMap<>();
        ProtocolContext context = new ProtocolContext(engine, "1.2.3", Map.of());
        protocols.put("openai", new OpenAiProtocolProvider().open(context));
        protocols.put("ollama", new OllamaProtocolProvider().open(context));
        protocols.putAll(further);
        server = new HttpServer(settings.withPort(0), protocols, () -> Map.of("models", 2));
        server.start();
    }

    int port() {
        return server.address().getPort();
    }

    URI uri(String path) {
        return URI.create("http://127.0.0.1:" + port() + path);
    }

    Socket connect() throws IOException {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), port());
        socket.setSoTimeout(10_000);
        socket.setTcpNoDelay(true);
        return socket;
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(20));
    }

    HttpResponse<String> send(HttpRequest.Builder request)
            throws IOException, InterruptedException {
        return client.send(request.build(), BodyHandlers.ofString());
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send(request(path));
    }

    HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
        return send(
                request(path)
                        .header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofString(body)));
    }

    /** The JSON of an answer that must have this status. */
    JsonNode postJson(String path, String body, int status)
            throws IOException, InterruptedException {
        return json(post(path, body), status);
    }

    JsonNode getJson(String path, int status) throws IOException, InterruptedException {
        return json(get(path), status);
    }

    static JsonNode json(HttpResponse<String> response, int status) {
        if (response.statusCode() != status) {
            throw new AssertionError(
                    "status %d instead of %d: %s"
                            .formatted(response.statusCode(), status, response.body()));
        }
        return JSON.readTree(response.body());
    }

    /** The lines of a stream as JSON. */
    static List<JsonNode> lines(String body) {
        return body.lines().map(JSON::readTree).toList();
    }

    /** The JSON of a stream's data lines, without the end mark. */
    static List<JsonNode> data(String body) {
        return body.lines()
                .filter(line -> line.startsWith("data:{"))
                .map(line -> JSON.readTree(line.substring(5)))
                .toList();
    }

    @Override
    public void close() {
        server.stop(Duration.ofSeconds(2));
        client.close();
    }
}
