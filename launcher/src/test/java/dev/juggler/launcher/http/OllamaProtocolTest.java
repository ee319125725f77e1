package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.GenerationEvent.Call;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Reasoning;
import dev.juggler.inference.GenerationEvent.Text;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.ToolCall;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

@Timeout(60)
class OllamaProtocolTest {
    private static final String MESSAGES = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    private TestServer server;

    @BeforeEach
    void start() throws IOException {
        server = new TestServer();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static String demo(String further) {
        return "{\"model\":\"demo\"," + further + "}";
    }

    private static void assertTime(JsonNode frame) {
        String time = frame.get("created_at").stringValue();
        assertTrue(time.matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{9}Z"), time);
        Duration age = Duration.between(Instant.parse(time), Instant.now());
        assertTrue(age.abs().toSeconds() < 60, time);
    }

    private static void assertCounts(JsonNode last) {
        assertTrue(last.get("done").booleanValue());
        assertEquals(120_000_000, last.get("total_duration").longValue());
        assertEquals(7_000_000, last.get("load_duration").longValue());
        assertEquals(5, last.get("prompt_eval_count").intValue());
        assertEquals(40_000_000, last.get("prompt_eval_duration").longValue());
        assertEquals(3, last.get("eval_count").intValue());
        assertEquals(71_000_000, last.get("eval_duration").longValue());
    }

    @Test
    void streamsALineForEachPiece() throws Exception {
        server.inference.script = request -> ScriptedInference.says("Hé", "llo \"🤹\"\n");
        HttpResponse<String> response = server.post("/api/generate", demo("\"prompt\":\"x\""));
        assertEquals(
                "application/x-ndjson",
                response.headers().firstValue("Content-Type").orElseThrow());
        List<JsonNode> lines = TestServer.lines(response.body());
        assertEquals(3, lines.size());
        for (JsonNode line : lines) {
            assertEquals("demo", line.get("model").stringValue());
            assertTime(line);
        }
        assertEquals("Hé", lines.get(0).get("response").stringValue());
        assertFalse(lines.get(0).get("done").booleanValue());
        assertEquals("llo \"🤹\"\n", lines.get(1).get("response").stringValue());
        JsonNode last = lines.get(2);
        assertEquals("", last.get("response").stringValue());
        assertEquals("stop", last.get("done_reason").stringValue());
        assertEquals("[11,12,13,14,15,21,22]", last.get("context").toString());
        assertCounts(last);
    }

    @Test
    void streamsChat() throws Exception {
        List<JsonNode> lines = TestServer.lines(server.post("/api/chat", demo(MESSAGES)).body());
        assertEquals(
                "{\"role\":\"assistant\",\"content\":\"Hello\"}",
                lines.get(0).get("message").toString());
        assertEquals(
                "{\"role\":\"assistant\",\"content\":\"\"}",
                lines.get(2).get("message").toString());
        assertFalse(lines.get(2).has("context"));
        assertCounts(lines.get(2));
    }

    @Test
    void answersInOnePiece() throws Exception {
        JsonNode generated =
                server.postJson("/api/generate", demo("\"prompt\":\"x\",\"stream\":false"), 200);
        assertEquals("Hello world", generated.get("response").stringValue());
        assertTime(generated);
        assertCounts(generated);
        JsonNode chat = server.postJson("/api/chat", demo(MESSAGES + ",\"stream\":false"), 200);
        assertEquals("Hello world", chat.at("/message/content").stringValue());
        assertEquals("stop", chat.get("done_reason").stringValue());
        assertCounts(chat);
    }

    @Test
    void passesOnWhatTheEngineCanDo() throws Exception {
        server.postJson(
                "/api/generate",
                demo(
                        """
                        "prompt": "x", "system": "be brief", "stream": false, "keep_alive": "1h30m",
                        "logprobs": true, "top_logprobs": 2, "think": false,
                        "options": {"num_predict": 7, "temperature": 0.5, "top_k": 3, "top_p": 0.25,
                          "min_p": 0.125, "seed": 42, "stop": ["a"], "repeat_penalty": 1.5,
                          "repeat_last_n": -1, "presence_penalty": 0.75, "frequency_penalty": 0.5,
                          "num_ctx": 100000, "num_gpu": 99, "mirostat": 0, "unheard_of": 1}
                        """),
                200);
        GenerationRequest request = server.inference.request();
        assertEquals(7, request.maxTokens());
        assertEquals(List.of("a"), request.stop());
        assertEquals(2, request.topLogprobs());
        assertEquals(Duration.ofMinutes(90), request.keepAlive());
        assertEquals(0.5f, request.sampling().temperature());
        assertEquals(3, request.sampling().topK());
        assertEquals(0.25f, request.sampling().topP());
        assertEquals(0.125f, request.sampling().minP());
        assertEquals(42L, request.sampling().seed());
        assertEquals(1.5f, request.sampling().repetitionPenalty());
        assertEquals(-1, request.sampling().penaltyWindow());
        assertEquals(0.75f, request.sampling().presencePenalty());
        assertEquals(0.5f, request.sampling().frequencyPenalty());
        Prompt.Chat prompt = (Prompt.Chat) request.prompt();
        assertEquals(
                List.of(Message.of("system", "be brief"), Message.of("user", "x")),
                prompt.messages());
        assertEquals(Map.of("enable_thinking", false), prompt.variables());
    }

    @Test
    void hasTheDefaultsOfTheApi() throws Exception {
        server.postJson("/api/generate", demo("\"prompt\":\"x\",\"stream\":false"), 200);
        GenerationRequest request = server.inference.request();
        assertEquals(0.8f, request.sampling().temperature());
        assertEquals(40, request.sampling().topK());
        assertEquals(0.9f, request.sampling().topP());
        assertNull(request.sampling().seed());
        assertNull(request.maxTokens());
        assertNull(request.keepAlive());
    }

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
    void promptsAsTheModelNeedsIt() throws Exception {
        server.postJson(
                "/api/generate", demo("\"prompt\":\"<s>x\",\"raw\":true,\"stream\":false"), 200);
        server.postJson(
                "/api/generate",
                "{\"model\":\"org/plain:7b\",\"prompt\":\"x\",\"stream\":false}",
                200);
        server.postJson(
                "/api/generate", demo("\"prompt\":\"x\",\"context\":[1,2],\"stream\":false"), 200);
        assertEquals(new Prompt.Text("<s>x", true), server.inference.requests.get(0).prompt());
        assertEquals(new Prompt.Text("x", true), server.inference.requests.get(1).prompt());
        assertEquals(
                new Prompt.Tokens(List.of(1, 2, 101, 102)),
                server.inference.requests.get(2).prompt());
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

    private static final String TOOLS =
            """
            "tools": [{"type": "function", "function": {"name": "weather",
              "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
            """;

    @Test
    void returnsToolCallsAndThoughts() throws Exception {
        server.inference.script =
                request ->
                        ScriptedInference.tells(
                                FinishReason.TOOL_CALLS,
                                new Reasoning("hm"),
                                new Call(new ToolCall("c1", "weather", Map.of("city", "Köln"))));
        String body = demo(MESSAGES + "," + TOOLS + ",\"think\":true,\"stream\":STREAM");
        JsonNode message =
                server.postJson("/api/chat", body.replace("STREAM", "false"), 200).get("message");
        assertEquals("hm", message.get("thinking").stringValue());
        assertEquals("weather", message.at("/tool_calls/0/function/name").stringValue());
        assertEquals("Köln", message.at("/tool_calls/0/function/arguments/city").stringValue());
        List<JsonNode> lines =
                TestServer.lines(server.post("/api/chat", body.replace("STREAM", "true")).body());
        assertEquals("hm", lines.get(0).at("/message/thinking").stringValue());
        assertEquals(
                "{\"city\":\"Köln\"}",
                lines.get(1).at("/message/tool_calls/0/function/arguments").toString());
        assertEquals("stop", lines.get(2).get("done_reason").stringValue());
        Prompt.Chat prompt = (Prompt.Chat) server.inference.requests.getFirst().prompt();
        assertEquals(1, prompt.tools().size());
        assertEquals(Map.of("enable_thinking", true), prompt.variables());
    }

    @Test
    void readsMessagesOfAllKinds() throws Exception {
        server.postJson(
                "/api/chat",
                """
                {"model": "demo", "stream": false, "messages": [
                  {"role": "system", "content": "s"},
                  {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
                    {"function": {"name": "f", "arguments": {"b": 1, "a": null}}},
                    {"id": "given", "function": {"name": "g"}}]},
                  {"role": "tool", "tool_name": "f", "content": "3"}]}
                """,
                200);
        List<Message> messages = ((Prompt.Chat) server.inference.request().prompt()).messages();
        assertEquals(Message.of("system", "s"), messages.get(0));
        assertEquals("hm", messages.get(1).reasoning());
        List<ToolCall> calls = messages.get(1).toolCalls();
        assertEquals("{b=1, a=null}", calls.get(0).arguments().toString());
        assertEquals("given", calls.get(1).id());
        assertEquals("f", messages.get(2).name());
    }

    @Test
    void tellsLogProbabilities() throws Exception {
        TokenLogprob token =
                new TokenLogprob(2, "Hi", -0.25, List.of(new TokenLogprob(3, "Ho", -2, List.of())));
        server.inference.script =
                request ->
                        ScriptedInference.tells(
                                FinishReason.LENGTH, new Text("Hi", List.of(token)));
        String body =
                demo("\"prompt\":\"x\",\"logprobs\":true,\"top_logprobs\":1,\"stream\":STREAM");
        JsonNode answer = server.postJson("/api/generate", body.replace("STREAM", "false"), 200);
        assertEquals(-0.25, answer.at("/logprobs/0/logprob").doubleValue());
        assertEquals("Ho", answer.at("/logprobs/0/top_logprobs/0/token").stringValue());
        assertEquals("length", answer.get("done_reason").stringValue());
        JsonNode first =
                TestServer.lines(
                                server.post("/api/generate", body.replace("STREAM", "true")).body())
                        .getFirst();
        assertEquals("Hi", first.at("/logprobs/0/token").stringValue());
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

    @ParameterizedTest
    @CsvSource({
        "INVALID_REQUEST, 400",
        "CONTEXT_EXCEEDED, 400",
        "OVERLOADED, 503",
        "UNAVAILABLE, 503",
        "INTERNAL, 500"
    })
    void mapsWhatTheEngineReports(Kind kind, int status) throws Exception {
        InferenceException failure = new InferenceException(kind, "because");
        server.inference.script =
                request -> {
                    throw failure;
                };
        HttpResponse<String> refused = server.post("/api/chat", demo(MESSAGES));
        assertEquals("because", TestServer.json(refused, status).get("error").stringValue());
        assertEquals(status == 503, refused.headers().firstValue("Retry-After").isPresent());
        server.inference.script =
                request -> ScriptedInference.failing(ScriptedInference.says("begun"), failure);
        List<JsonNode> lines = TestServer.lines(server.post("/api/chat", demo(MESSAGES)).body());
        assertEquals("begun", lines.getFirst().at("/message/content").stringValue());
        assertEquals("{\"error\":\"because\"}", lines.getLast().toString());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "generate | model | {'prompt': 'x'}",
                "generate | model | {'model': 5}",
                "generate | prompt | {'model': 'demo', 'prompt': 5}",
                "generate | format | {'model': 'demo', 'prompt': 'x', 'format': 'json'}",
                "generate | format | {'model': 'demo', 'prompt': 'x', 'format': {'type': 'object'}}",
                "generate | images | {'model': 'demo', 'prompt': 'x', 'images': ['aGk=']}",
                "generate | suffix | {'model': 'demo', 'prompt': 'x', 'suffix': 'y'}",
                "generate | template | {'model': 'demo', 'prompt': 'x', 'template': '{{ .Prompt }}'}",
                "generate | raw | {'model': 'demo', 'prompt': 'x', 'raw': true, 'system': 's'}",
                "generate | context | {'model': 'demo', 'prompt': 'x', 'context': ['a']}",
                "generate | keep_alive | {'model': 'demo', 'prompt': 'x', 'keep_alive': 'soon'}",
                "generate | keep_alive | {'model': 'demo', 'prompt': 'x', 'keep_alive': true}",
                "generate | stream | {'model': 'demo', 'prompt': 'x', 'stream': 'no'}",
                "generate | options | {'model': 'demo', 'prompt': 'x', 'options': 5}",
                "generate | options.temperature | {'model': 'demo', 'prompt': 'x', 'options': {'temperature': 'hot'}}",
                "generate | temperature | {'model': 'demo', 'prompt': 'x', 'options': {'temperature': -1}}",
                "generate | options.num_predict | {'model': 'demo', 'prompt': 'x', 'options': {'num_predict': 1.5}}",
                "generate | options.num_ctx | {'model': 'demo', 'prompt': 'x', 'options': {'num_ctx': 0}}",
                "generate | options.stop | {'model': 'demo', 'prompt': 'x', 'options': {'stop': 1}}",
                "generate | options.mirostat | {'model': 'demo', 'prompt': 'x', 'options': {'mirostat': 1}}",
                "generate | think | {'model': 'org/plain:7b', 'prompt': 'x', 'think': true}",
                "chat | messages | {'model': 'demo', 'messages': 'x'}",
                "chat | messages[0].role | {'model': 'demo', 'messages': [{'content': 'x'}]}",
                "chat | messages[0].content | {'model': 'demo', 'messages': [{'role': 'user', 'content': []}]}",
                "chat | messages[0].content | {'model': 'demo', 'messages': [{'role': 'user'}]}",
                "chat | messages[0].images | {'model': 'demo', 'messages': [{'role': 'user', 'content': 'x', 'images': ['aGk=']}]}",
                "chat | tools[0].function | {'model': 'demo', M, 'tools': [{}]}",
                "chat | tools | {'model': 'org/plain:7b', M, 'tools': [{'function': {'name': 'x'}}]}",
                "chat | format | {'model': 'demo', M, 'format': 'json'}",
                "chat | think | {'model': 'demo', M, 'think': 5}"
            })
    void refusesAndNamesTheField(String endpoint, String field, String body) throws Exception {
        String json = body.replace("M,", MESSAGES + ",").replace('\'', '"');
        String error = server.postJson("/api/" + endpoint, json, 400).get("error").stringValue();
        assertTrue(error.contains(field), error);
        assertTrue(server.inference.generations.isEmpty());
    }
}
