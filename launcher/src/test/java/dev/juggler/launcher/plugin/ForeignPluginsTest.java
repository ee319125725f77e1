package dev.juggler.launcher.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.LoadedModel;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.config.ConfigurationSources;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A backend and a protocol of third parties, compiled here against kernel-api alone, at work. */
class ForeignPluginsTest {
    private static final String BACKEND =
            """
            package acme;
            import dev.juggler.kernel.*;
            import java.lang.foreign.MemorySegment;
            import java.util.List;
            public class AcmeProvider implements BackendProvider {
                public String name() { return "acme"; }
                public int apiVersion() { return KernelApi.VERSION; }
                public Availability probe() {
                    return new Availability.Usable(500, List.of("acme:1"), "the best there is");
                }
                public Backend open(BackendOptions options) { return new Acme(options.device()); }
                static class Acme implements Backend {
                    private final Backend inner = new ReferenceBackend();
                    private final String device;
                    Acme(String device) { this.device = device; }
                    public String device() { return device; }
                    public String description() { return "Acme X1"; }
                    public Buffer allocate(long bytes) { return inner.allocate(bytes); }
                    public Buffer adopt(MemorySegment mapped) { return inner.adopt(mapped); }
                    public boolean usesHostMemory() { return true; }
                    public Kernels kernels() { return inner.kernels(); }
                    public void synchronize() {}
                    public MemoryInfo memory() { return inner.memory(); }
                    public void close() { inner.close(); }
                }
            }
            """;
    private static final String PROTOCOL =
            """
            package echo;
            import dev.juggler.inference.*;
            import dev.juggler.kernel.KernelApi;
            import dev.juggler.protocol.*;
            import java.nio.charset.StandardCharsets;
            import java.util.List;
            import java.util.Map;
            public class EchoProvider implements ProtocolProvider {
                public String name() { return "echo"; }
                public int apiVersion() { return KernelApi.VERSION; }
                public Protocol open(ProtocolContext context) {
                    return new Protocol() {
                        public List<Route> routes() {
                            return List.of(new Route("GET", "/echo/{question*}",
                                call -> answer(context.inference(), call)));
                        }
                        public void writeError(HttpCall call, HttpError error) throws java.io.IOException {
                            call.respond(error.status(), "text/plain",
                                error.text().getBytes(StandardCharsets.UTF_8));
                        }
                    };
                }
                static void answer(Inference inference, HttpCall call)
                        throws java.io.IOException, InterruptedException {
                    Prompt prompt = new Prompt.Chat(
                        List.of(Message.of("user", call.pathParameter("question"))), List.of(), Map.of());
                    StringBuilder text = new StringBuilder();
                    try (Generation generation = inference.submit(
                            GenerationRequest.of("juggler-demo-moe", prompt, Sampling.GREEDY))) {
                        GenerationEvent event;
                        do {
                            event = generation.next();
                            if (event instanceof GenerationEvent.Text part) { text.append(part.text()); }
                        } while (!(event instanceof GenerationEvent.Finished));
                    }
                    call.respond(200, "text/plain", text.toString().getBytes(StandardCharsets.UTF_8));
                }
            }
            """;

    @TempDir Path folder;

    @Test
    void aForeignBackendComputesForAForeignProtocol() throws Exception {
        new ForeignPlugin("acme-backend")
                .source("acme.AcmeProvider", BACKEND)
                .extension("acme.AcmeProvider")
                .zipInto(folder);
        new ForeignPlugin("echo-protocol")
                .source("echo.EchoProvider", PROTOCOL)
                .extension("echo.EchoProvider")
                .zipInto(folder);
        Map<String, String> overrides =
                Map.of("juggler.plugins.folder", folder.toString(), "juggler.server.port", "0");
        Configuration configuration =
                Configuration.load(
                        new ConfigurationSources(null, overrides, Map.of(), folder, folder));
        try (Wiring wiring = Wiring.server(configuration);
                HttpClient client = HttpClient.newHttpClient()) {
            wiring.start(null);
            HttpResponse<String> answer =
                    get(client, wiring, "/echo/What%20is%20the%20capital%20of%20France%3F");
            assertEquals(200, answer.statusCode(), answer.body());
            assertTrue(answer.body().contains("Paris"), answer.body());
            LoadedModel loaded = wiring.inference().loaded().getFirst();
            assertEquals(java.util.Set.of("acme:1"), loaded.bytesByDevice().keySet());
            assertEquals(404, get(client, wiring, "/v1/models").statusCode());
        }
    }

    private static HttpResponse<String> get(HttpClient client, Wiring wiring, String path)
            throws Exception {
        InetSocketAddress address = wiring.server().address();
        return client.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + address.getPort() + path))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }
}
