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
import dev.juggler.inference.Message;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.ToolCall;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Prompts, conversations and their answers over the Ollama API. */
class OllamaAnswersTest extends OllamaScenario {
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
}
