package dev.juggler.launcher.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.Generation;
import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Inference;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.Sampling;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.config.ConfigurationSources;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A policy by which experts come and go, from a third party's plugin, on a simulated device; and
 * what the server tells of its hits.
 */
class ForeignPolicyTest {
    private static final String PROTOCOL =
            """
            package quiet;
            import dev.juggler.kernel.KernelApi;
            import dev.juggler.protocol.*;
            import java.util.List;
            public class QuietProvider implements ProtocolProvider {
                public String name() { return "quiet"; }
                public int apiVersion() { return KernelApi.VERSION; }
                public Protocol open(ProtocolContext context) {
                    return new Protocol() {
                        public List<Route> routes() { return List.of(); }
                        public void writeError(HttpCall call, HttpError error) {}
                    };
                }
            }
            """;

    @TempDir Path folder;

    private static String source(String name) {
        return """
        package acme;
        import dev.juggler.kernel.*;
        public class RoundProvider implements ExpertCachePolicyProvider {
            public String name() { return "%s"; }
            public int apiVersion() { return KernelApi.VERSION; }
            public ExpertCachePolicy open(int experts, int places) {
                return new ExpertCachePolicy() {
                    private int next;
                    public void used(int expert) {}
                    public int victim(int wanted, int[] resident) {
                        return resident[next++ %% resident.length];
                    }
                };
            }
        }
        """
                .formatted(name);
    }

    private void policy(String name) throws Exception {
        new ForeignPlugin("acme-policy")
                .source("acme.RoundProvider", source(name))
                .extension("acme.RoundProvider")
                .zipInto(folder);
    }

    private Configuration configuration(String policy) throws Exception {
        SimulatedPlugin.zipInto(folder);
        new ForeignPlugin("quiet-protocol")
                .source("quiet.QuietProvider", PROTOCOL)
                .extension("quiet.QuietProvider")
                .zipInto(folder);
        Path file = folder.resolve("juggler.conf");
        Files.writeString(
                file,
                """
                juggler.model-defaults.placement {
                  rules = [
                    { match { role = experts }, device = reference,
                      hot { device = "sim:0", memory = 3MiB, choose = %s, moves = 8 } }
                  ]
                  default = "sim:0"
                }
                juggler.model-defaults.context = 256
                """
                        .formatted(policy));
        Map<String, String> overrides =
                Map.of("juggler.plugins.folder", folder.toString(), "juggler.server.port", "0");
        return Configuration.load(
                new ConfigurationSources(file, overrides, Map.of(), folder, folder));
    }

    @Test
    void aPolicyOfAPluginWorksAndItsHitsAreTold() throws Exception {
        policy("round");
        try (Wiring wiring = Wiring.server(configuration("round"));
                HttpClient client = HttpClient.newHttpClient()) {
            assertEquals(List.of("round"), List.copyOf(wiring.plugins().policies().keySet()));
            wiring.start(null);
            String name = wiring.modelSettings().getFirst().name();
            answer(wiring.inference(), name);
            JsonNode cache =
                    JsonMapper.shared()
                            .readTree(get(client, wiring, "/health"))
                            .at("/models")
                            .path(name)
                            .path("expert_cache");
            long hits = cache.path("hits").asLong();
            long misses = cache.path("misses").asLong();
            assertTrue(hits > 0 && misses > 0 && cache.path("moves").asLong() > 0, "" + cache);
            assertTrue(cache.path("moved_bytes").asLong() > 0, "" + cache);
            assertEquals((double) hits / (hits + misses), cache.path("hit_rate").asDouble(), 1e-9);
        }
    }

    private static void answer(Inference inference, String model) throws InterruptedException {
        Prompt prompt =
                new Prompt.Chat(
                        List.of(Message.of("user", "What is the capital of France?")),
                        List.of(),
                        Map.of());
        try (Generation generation =
                inference.submit(GenerationRequest.of(model, prompt, Sampling.GREEDY))) {
            StringBuilder text = new StringBuilder();
            GenerationEvent event;
            do {
                event = generation.next();
                if (event instanceof GenerationEvent.Text part) {
                    text.append(part.text());
                }
            } while (!(event instanceof GenerationEvent.Finished));
            assertTrue(text.toString().contains("Paris"), text.toString());
        }
    }

    @Test
    void aNameThatNobodyHasIsRefusedWithThoseThereAre() throws Exception {
        policy("round");
        Configuration configuration = configuration("rounder");
        InferenceException refused =
                assertThrows(InferenceException.class, () -> Wiring.engine(configuration).close());
        assertTrue(
                String.valueOf(refused.getMessage())
                        .contains("one of first, frequency, uniform, lfu, lru, round"),
                refused.getMessage());
    }

    @Test
    void aPolicyOfATakenOrUnwritableNameIsRefused() throws Exception {
        for (String name : List.of("lru", "frequency", "Round Robin")) {
            policy(name);
            try (PluginHost host = PluginHost.open(folder, "0.1.0")) {
                FoundPlugin plugin = host.found().getFirst();
                assertEquals(Map.of(), host.policies());
                assertTrue(
                        String.valueOf(plugin.refusal())
                                .matches(
                                        "a provider named .* is there already.*|its expert cache policy is called .*"),
                        plugin.toString());
            }
        }
    }

    private static String get(HttpClient client, Wiring wiring, String path) throws Exception {
        InetSocketAddress address = wiring.server().address();
        HttpResponse<String> answer =
                client.send(
                        HttpRequest.newBuilder(
                                        URI.create("http://127.0.0.1:" + address.getPort() + path))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertEquals(200, answer.statusCode(), answer.body());
        return answer.body();
    }
}
