package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Models over the Ollama API: loading, listing, and what there is not. */
class OllamaModelsTest extends OllamaScenario {
    @ParameterizedTest
    @CsvSource({
        "5, 5000",
        "0.5, 500",
        "-1, -1",
        "'\"5m\"', 300000",
        "'\"-1\"', -1",
        "'\"-5m\"', -1",
        "'\"30\"', 30000",
        "'\"0\"', 0",
        "'\"250ms\"', 250",
        "'\"1.5h\"', 5400000",
        "1e300, 3155760000000",
        "'\"999999999h\"', 3155760000000"
    })
    void readsHowLongAModelStays(String given, long milliseconds) throws Exception {
        String body = demo("\"prompt\":\"x\",\"stream\":false,\"keep_alive\":" + given);
        server.postJson("/api/generate", body, 200);
        Duration found = server.inference.request().keepAlive();
        if (milliseconds < 0) {
            assertTrue(found != null && found.isNegative());
        } else {
            assertEquals(Duration.ofMillis(milliseconds), found);
        }
    }

    @Test
    void loadsAndUnloads() throws Exception {
        JsonNode loaded = server.postJson("/api/generate", demo("\"keep_alive\":60"), 200);
        assertEquals("load", loaded.get("done_reason").stringValue());
        assertEquals("", loaded.get("response").stringValue());
        assertTrue(loaded.get("done").booleanValue());
        assertTime(loaded);
        JsonNode unloaded = server.postJson("/api/chat", demo("\"keep_alive\":0"), 200);
        assertEquals("unload", unloaded.get("done_reason").stringValue());
        assertEquals("", unloaded.at("/message/content").stringValue());
        assertEquals(List.of("load demo PT1M", "unload demo"), server.inference.loads);
        assertTrue(server.inference.generations.isEmpty());
    }

    @Test
    void tellsAboutModels() throws Exception {
        JsonNode tag = server.getJson("/api/tags", 200).at("/models/0");
        assertEquals("demo", tag.get("name").stringValue());
        assertEquals("demo", tag.get("model").stringValue());
        assertEquals("2026-01-02T03:04:05.678Z", tag.get("modified_at").stringValue());
        assertEquals(8_187_424, tag.get("size").longValue());
        assertEquals("ab".repeat(32), tag.get("digest").stringValue());
        assertEquals("7.65M", tag.at("/details/parameter_size").stringValue());
        assertEquals("Q8_0", tag.at("/details/quantization_level").stringValue());
        JsonNode running = server.getJson("/api/ps", 200).at("/models/0");
        assertEquals(1500, running.get("size").longValue());
        assertEquals(500, running.get("size_vram").longValue());
        assertEquals(2048, running.get("context_length").intValue());
        OffsetDateTime.parse(running.get("expires_at").stringValue());
        for (String field : List.of("model", "name")) {
            JsonNode shown =
                    server.postJson("/api/show", "{\"" + field + "\":\"demo:latest\"}", 200);
            assertEquals("{{ messages }}", shown.get("template").stringValue());
            assertEquals("qwen3moe", shown.at("/model_info/general.architecture").stringValue());
            assertEquals(6, shown.at("/model_info/qwen3moe.block_count").intValue());
            assertEquals("tools", shown.at("/capabilities/1").stringValue());
            assertFalse(shown.has("tensors"));
        }
        JsonNode verbose =
                server.postJson("/api/show", "{\"model\":\"demo\",\"verbose\":true}", 200);
        assertEquals("[128,512]", verbose.at("/tensors/0/shape").toString());
        assertEquals("1.2.3", server.getJson("/api/version", 200).get("version").stringValue());
        assertEquals("Juggler is running", server.get("/").body());
    }

    @Test
    void answersUnknownModelsWithTheFallback() throws Exception {
        String body = "{\"model\":\"Meta-Llama-3-8B-Instruct\",\"prompt\":\"x\"," + MESSAGES + "}";
        for (String path : List.of("/api/generate", "/api/chat", "/api/show")) {
            String error = server.postJson(path, body, 404).get("error").stringValue();
            assertTrue(error.startsWith("model 'Meta-Llama-3-8B-Instruct' not found"), error);
        }
        server.inference.fallback = "demo";
        assertEquals(
                "demo",
                TestServer.lines(server.post("/api/generate", body).body())
                        .getFirst()
                        .get("model")
                        .stringValue());
    }

    @ParameterizedTest
    @CsvSource({
        "POST, /api/pull",
        "POST, /api/push",
        "POST, /api/create",
        "POST, /api/copy",
        "DELETE, /api/delete",
        "POST, /api/embed",
        "POST, /api/embeddings",
        "POST, /api/blobs/sha256:00"
    })
    void saysWhatItHasNot(String method, String path) throws Exception {
        HttpResponse<String> response =
                server.send(
                        server.request(path)
                                .method(method, BodyPublishers.ofString("{\"model\":\"x\"}")));
        assertTrue(
                TestServer.json(response, 501).get("error").stringValue().contains(path),
                response.body());
    }
}
