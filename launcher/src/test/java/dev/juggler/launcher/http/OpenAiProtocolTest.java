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
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

@Timeout(60)
class OpenAiProtocolTest {
    private static final String CHAT = "/v1/chat/completions";
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

    private static String chat(String further) {
        return "{\"model\":\"demo\"," + MESSAGES + (further.isEmpty() ? "" : "," + further) + "}";
    }

    private static String completion(String further) {
        return "{\"model\":\"demo\"," + further + "}";
    }

    @Test
    void streamsInTheShapeOfTheApiPage() throws Exception {
        server.inference.script = request -> ScriptedInference.says("Hé", "llo \"🤹\"\n");
        HttpResponse<String> response = server.post(CHAT, chat("\"stream\":true"));
        assertEquals(200, response.statusCode());
        assertEquals(
                "text/event-stream", response.headers().firstValue("Content-Type").orElseThrow());
        String[] frames = response.body().split("\n\n", -1);
        assertEquals(5, frames.length, response.body());
        assertEquals("", frames[4]);
        String id = idOf(frames[0]);
        String head =
                "data:{\"id\":\"" + id + "\",\"object\":\"chat.completion.chunk\",\"created\":";
        for (int i = 0; i < 3; i++) {
            assertTrue(frames[i].startsWith(head), frames[i]);
        }
        String model = ",\"model\":\"demo\",\"system_fingerprint\":\"fp_";
        assertTrue(frames[0].contains(model), frames[0]);
        assertTrue(
                frames[0].endsWith(
                        ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé\",\"role\":\"assistant\"},"
                                + "\"logprobs\":null,\"finish_reason\":null}]}"),
                frames[0]);
        assertTrue(frames[1].contains("\"content\":\"llo \\\"🤹\\\"\\n\""), frames[1]);
        assertTrue(
                frames[2].endsWith(
                        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"role\":\"assistant\"},"
                                + "\"logprobs\":null,\"finish_reason\":\"stop\"}]}"),
                frames[2]);
        assertEquals("event: done\ndata: [DONE]", frames[3]);
    }

    private static String idOf(String frame) {
        String id = TestServer.JSON.readTree(frame.substring(5)).get("id").stringValue();
        assertTrue(id.matches("chatcmpl-[0-9a-f]{32}"), id);
        return id;
    }

    @Test
    void answersInOnePiece() throws Exception {
        JsonNode answer = server.postJson(CHAT, chat(""), 200);
        assertEquals("chat.completion", answer.get("object").stringValue());
        assertEquals("demo", answer.get("model").stringValue());
        assertEquals("Hello world", answer.at("/choices/0/message/content").stringValue());
        assertEquals("assistant", answer.at("/choices/0/message/role").stringValue());
        assertEquals("stop", answer.at("/choices/0/finish_reason").stringValue());
        assertEquals(5, answer.at("/usage/prompt_tokens").intValue());
        assertEquals(3, answer.at("/usage/completion_tokens").intValue());
        assertEquals(8, answer.at("/usage/total_tokens").intValue());
        assertEquals(3, answer.at("/usage/prompt_tokens_details/cached_tokens").intValue());
        assertTrue(
                Math.abs(answer.get("created").longValue() - System.currentTimeMillis() / 1000)
                        < 60);
        assertTrue(server.inference.generations.getFirst().closedWithin(Duration.ofSeconds(2)));
    }

    @Test
    void passesOnWhatTheEngineCanDo() throws Exception {
        server.postJson(
                CHAT,
                chat(
                        """
                        "max_completion_tokens": 7, "max_tokens": 9, "temperature": 0.5, "top_p": 0.25,
                        "top_k": 12, "min_p": 0.125, "repetition_penalty": 1.5, "presence_penalty": 0.75,
                        "frequency_penalty": -0.5, "seed": 9007199254740993, "stop": ["a", "b"],
                        "logit_bias": {"7": -100, "8": 1.5}, "logprobs": true, "top_logprobs": 2,
                        "chat_template_kwargs": {"enable_thinking": false, "nothing": null},
                        "reasoning_effort": "low", "user": "me", "store": false, "unheard_of": [1]
                        """),
                200);
        GenerationRequest request = server.inference.request();
        assertEquals("demo", request.model());
        assertEquals(7, request.maxTokens());
        assertEquals(List.of("a", "b"), request.stop());
        assertEquals(2, request.topLogprobs());
        assertEquals(0.5f, request.sampling().temperature());
        assertEquals(0.25f, request.sampling().topP());
        assertEquals(12, request.sampling().topK());
        assertEquals(0.125f, request.sampling().minP());
        assertEquals(1.5f, request.sampling().repetitionPenalty());
        assertEquals(0.75f, request.sampling().presencePenalty());
        assertEquals(-0.5f, request.sampling().frequencyPenalty());
        assertEquals(9007199254740993L, request.sampling().seed());
        assertEquals(Map.of(7, -100f, 8, 1.5f), request.sampling().logitBias());
        assertEquals(
                Map.of("enable_thinking", false, "reasoning_effort", "low"),
                ((Prompt.Chat) request.prompt()).variables());
    }

    @Test
    void hasTheDefaultsOfTheApi() throws Exception {
        server.postJson(CHAT, chat("\"temperature\":null,\"stop\":null,\"tools\":[]"), 200);
        GenerationRequest request = server.inference.request();
        assertEquals(1f, request.sampling().temperature());
        assertEquals(1f, request.sampling().topP());
        assertEquals(0, request.sampling().topK());
        assertNull(request.sampling().seed());
        assertNull(request.maxTokens());
        assertNull(request.topLogprobs());
        assertEquals(List.of(), request.stop());
    }

    @Test
    void readsMessagesOfAllKinds() throws Exception {
        server.postJson(
                CHAT,
                """
                {"model": "demo", "messages": [
                  {"role": "developer", "content": "be brief"},
                  {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
                  {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
                    {"id": "c1", "type": "function", "function":
                      {"name": "add", "arguments": "{\\"b\\": 1, \\"a\\": [2.5, null]}"}}]},
                  {"role": "tool", "tool_call_id": "c1", "content": "3"},
                  {"role": "user", "name": "bob", "content": ""}]}
                """,
                200);
        List<Message> messages = ((Prompt.Chat) server.inference.request().prompt()).messages();
        assertEquals(Message.of("system", "be brief"), messages.get(0));
        assertEquals(Message.of("user", "one\ntwo"), messages.get(1));
        Message assistant = messages.get(2);
        assertNull(assistant.content());
        assertEquals("hm", assistant.reasoning());
        ToolCall call = assistant.toolCalls().getFirst();
        assertEquals("add", call.name());
        assertEquals("[b, a]", call.arguments().keySet().toString());
        assertEquals("[2.5, null]", String.valueOf(call.arguments().get("a")));
        assertEquals("c1", messages.get(3).toolCallId());
        assertEquals("bob", messages.get(4).name());
    }

    private static final String TOOLS =
            """
            "tools": [{"type": "function", "function": {"name": "weather", "description": "d",
              "parameters": {"type": "object", "properties": {"z": {"type": "string"}, "a": {}}}}}]
            """;

    private void scriptToolCalls() {
        Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("z", "Köln");
        arguments.put("a", 1);
        server.inference.script =
                request ->
                        ScriptedInference.tells(
                                FinishReason.TOOL_CALLS,
                                new Call(new ToolCall("call_1", "weather", arguments)),
                                new Call(new ToolCall("call_2", "weather", Map.of())));
    }

    @Test
    void returnsToolCalls() throws Exception {
        scriptToolCalls();
        JsonNode choice = server.postJson(CHAT, chat(TOOLS), 200).at("/choices/0");
        assertEquals("tool_calls", choice.get("finish_reason").stringValue());
        assertTrue(choice.at("/message/content").isNull());
        JsonNode calls = choice.at("/message/tool_calls");
        assertEquals(2, calls.size());
        assertEquals("call_1", calls.get(0).get("id").stringValue());
        assertEquals("function", calls.get(0).get("type").stringValue());
        assertEquals("weather", calls.get(0).at("/function/name").stringValue());
        assertEquals(
                "{\"z\":\"Köln\",\"a\":1}", calls.get(0).at("/function/arguments").stringValue());
        Prompt.Chat prompt = (Prompt.Chat) server.inference.request().prompt();
        assertEquals(
                "{type=function, function={name=weather, description=d, parameters={type=object, "
                        + "properties={z={type=string}, a={}}}}}",
                prompt.tools().getFirst().definition().toString());
    }

    @Test
    void streamsToolCalls() throws Exception {
        scriptToolCalls();
        List<JsonNode> chunks =
                TestServer.data(server.post(CHAT, chat(TOOLS + ",\"stream\":true")).body());
        assertEquals(3, chunks.size());
        for (int i = 0; i < 2; i++) {
            JsonNode call = chunks.get(i).at("/choices/0/delta/tool_calls/0");
            assertEquals(i, call.get("index").intValue());
            assertEquals("call_" + (i + 1), call.get("id").stringValue());
            assertEquals("weather", call.at("/function/name").stringValue());
        }
        assertEquals("tool_calls", chunks.get(2).at("/choices/0/finish_reason").stringValue());
    }

    @Test
    void keepsOneToolCallAndHidesToolsOnDemand() throws Exception {
        scriptToolCalls();
        String one = chat(TOOLS + ",\"parallel_tool_calls\":false");
        assertEquals(1, server.postJson(CHAT, one, 200).at("/choices/0/message/tool_calls").size());
        server.inference.requests.clear();
        server.postJson(CHAT, chat(TOOLS + ",\"tool_choice\":\"none\""), 200);
        assertTrue(((Prompt.Chat) server.inference.request().prompt()).tools().isEmpty());
    }

    @Test
    void keepsReasoningApart() throws Exception {
        server.inference.script =
                request ->
                        ScriptedInference.tells(
                                FinishReason.LENGTH,
                                new Reasoning("let me"),
                                new Reasoning(" see"),
                                new Text("42", List.of()));
        JsonNode choice = server.postJson(CHAT, chat(""), 200).at("/choices/0");
        assertEquals("let me see", choice.at("/message/reasoning_content").stringValue());
        assertEquals("42", choice.at("/message/content").stringValue());
        assertEquals("length", choice.get("finish_reason").stringValue());
        List<JsonNode> chunks = TestServer.data(server.post(CHAT, chat("\"stream\":true")).body());
        assertEquals(
                "let me", chunks.getFirst().at("/choices/0/delta/reasoning_content").stringValue());
        assertFalse(chunks.getFirst().at("/choices/0/delta").has("content"));
    }

    @Test
    void tellsLogProbabilities() throws Exception {
        TokenLogprob never = new TokenLogprob(3, "é", Double.NEGATIVE_INFINITY, List.of());
        TokenLogprob token = new TokenLogprob(2, "Hi", -0.25, List.of(never));
        server.inference.script =
                request ->
                        ScriptedInference.tells(FinishReason.STOP, new Text("Hi", List.of(token)));
        JsonNode logprobs =
                server.postJson(CHAT, chat("\"logprobs\":true,\"top_logprobs\":1"), 200)
                        .at("/choices/0/logprobs/content/0");
        assertEquals("Hi", logprobs.get("token").stringValue());
        assertEquals(-0.25, logprobs.get("logprob").doubleValue());
        assertEquals("[72,105]", logprobs.get("bytes").toString());
        assertEquals(-9999, logprobs.at("/top_logprobs/0/logprob").doubleValue());
        assertEquals("[195,169]", logprobs.at("/top_logprobs/0/bytes").toString());
        JsonNode plain =
                server.postJson(
                                "/v1/completions",
                                completion("\"prompt\":\"x\",\"logprobs\":1"),
                                200)
                        .at("/choices/0/logprobs");
        assertEquals("[\"Hi\"]", plain.get("tokens").toString());
        assertEquals("[0]", plain.get("text_offset").toString());
    }

    @Test
    void givesSeveralChoices() throws Exception {
        server.inference.script =
                request -> ScriptedInference.says("seed ", request.sampling().seed() + "");
        JsonNode answer = server.postJson(CHAT, chat("\"n\":3,\"seed\":40"), 200);
        assertEquals(3, answer.get("choices").size());
        for (int i = 0; i < 3; i++) {
            JsonNode choice = answer.get("choices").get(i);
            assertEquals(i, choice.get("index").intValue());
            assertEquals("seed " + (40 + i), choice.at("/message/content").stringValue());
        }
        assertEquals(5, answer.at("/usage/prompt_tokens").intValue());
        assertEquals(9, answer.at("/usage/completion_tokens").intValue());
        HttpResponse<String> streamed =
                server.post(
                        CHAT,
                        chat(
                                "\"n\":3,\"seed\":40,\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
        StringBuilder[] texts = {new StringBuilder(), new StringBuilder(), new StringBuilder()};
        Set<Integer> ended = new TreeSet<>();
        List<JsonNode> chunks = TestServer.data(streamed.body());
        for (JsonNode chunk : chunks.subList(0, chunks.size() - 1)) {
            assertTrue(chunk.get("usage").isNull());
            JsonNode choice = chunk.at("/choices/0");
            texts[choice.get("index").intValue()].append(choice.at("/delta/content").asString());
            if (choice.get("finish_reason").isString()) {
                ended.add(choice.get("index").intValue());
            }
        }
        assertEquals("seed 41", texts[1].toString());
        assertEquals(Set.of(0, 1, 2), ended);
        JsonNode last = chunks.getLast();
        assertTrue(last.get("choices").isEmpty());
        assertEquals(9, last.at("/usage/completion_tokens").intValue());
    }

    @Test
    void endsAllChoicesWhenOneFails() throws Exception {
        InferenceException failure = new InferenceException(Kind.UNAVAILABLE, "the device is lost");
        server.inference.script =
                request ->
                        Long.valueOf(41).equals(request.sampling().seed())
                                ? ScriptedInference.failing(ScriptedInference.says("a"), failure)
                                : ScriptedInference.hangsAfter("b");
        JsonNode error = server.postJson(CHAT, chat("\"n\":4,\"seed\":40"), 503);
        assertEquals("the device is lost", error.at("/error/message").stringValue());
        String streamed = server.post(CHAT, chat("\"n\":4,\"seed\":40,\"stream\":true")).body();
        assertTrue(streamed.contains("\"error\":{\"message\":\"the device is lost\""), streamed);
        for (ScriptedInference.ScriptedGeneration one : server.inference.generations) {
            assertTrue(one.closedWithin(Duration.ofSeconds(2)));
        }
    }

    @Test
    void completesPromptsOfAllKinds() throws Exception {
        server.inference.script =
                request ->
                        ScriptedInference.says(
                                switch (request.prompt()) {
                                    case Prompt.Text text -> text.text() + "!";
                                    case Prompt.Tokens tokens -> tokens.ids().toString();
                                    case Prompt.Chat chat -> "chat";
                                });
        String[][] cases = {
            {"\"one\"", "one!"},
            {"[\"one\",\"two\"]", "one!", "two!"},
            {"[1,2]", "[1, 2]"},
            {"[[1],[2,3]]", "[1]", "[2, 3]"},
            {"\"\"", "!"}
        };
        for (String[] example : cases) {
            JsonNode answer =
                    server.postJson("/v1/completions", completion("\"prompt\":" + example[0]), 200);
            assertEquals("text_completion", answer.get("object").stringValue());
            assertEquals(example.length - 1, answer.get("choices").size());
            for (int i = 1; i < example.length; i++) {
                assertEquals(example[i], answer.at("/choices/" + (i - 1) + "/text").stringValue());
            }
        }
        assertEquals(16, server.inference.requests.getFirst().maxTokens());
        String streamed =
                server.post("/v1/completions", completion("\"prompt\":\"a\",\"stream\":true"))
                        .body();
        assertEquals(
                "a!", TestServer.data(streamed).getFirst().at("/choices/0/text").stringValue());
        assertTrue(streamed.endsWith("event: done\ndata: [DONE]\n\n"));
    }

    @Test
    void listsModels() throws Exception {
        JsonNode list = server.getJson("/v1/models", 200);
        assertEquals("list", list.get("object").stringValue());
        assertEquals("demo", list.at("/data/0/id").stringValue());
        assertEquals("model", list.at("/data/0/object").stringValue());
        assertEquals(1767323045L, list.at("/data/0/created").longValue());
        for (String path : List.of("/v1/models/org/plain:7b", "/v1/models/org%2Fplain%3A7b")) {
            assertEquals("org/plain:7b", server.getJson(path, 200).get("id").stringValue());
        }
        JsonNode error = server.getJson("/v1/models/no/such", 404);
        assertEquals("model_not_found", error.at("/error/code").stringValue());
    }

    @Test
    void answersUnknownModelsWithTheFallback() throws Exception {
        String body = "{\"model\":\"Meta-Llama-3-8B-Instruct\"," + MESSAGES + "}";
        JsonNode error = server.postJson(CHAT, body, 404).get("error");
        assertEquals("model_not_found", error.get("code").stringValue());
        assertEquals("invalid_request_error", error.get("type").stringValue());
        assertEquals("model", error.get("param").stringValue());
        String nameless = "{" + MESSAGES + "}";
        assertEquals(
                "model", server.postJson(CHAT, nameless, 400).at("/error/param").stringValue());
        server.inference.fallback = "demo";
        assertEquals("demo", server.postJson(CHAT, body, 200).get("model").stringValue());
        assertEquals("demo", server.postJson(CHAT, nameless, 200).get("model").stringValue());
    }

    @ParameterizedTest
    @CsvSource({
        "INVALID_REQUEST, 400, invalid_request",
        "CONTEXT_EXCEEDED, 400, context_length_exceeded",
        "OVERLOADED, 503, overloaded",
        "UNAVAILABLE, 503, unavailable",
        "INTERNAL, 500, internal_error"
    })
    void mapsWhatTheEngineReports(Kind kind, int status, String code) throws Exception {
        InferenceException failure = new InferenceException(kind, "because", "a_field");
        for (boolean stream : new boolean[] {false, true}) {
            String body = chat("\"stream\":" + stream);
            server.inference.script =
                    request -> {
                        throw failure;
                    };
            HttpResponse<String> refused = server.post(CHAT, body);
            JsonNode error = TestServer.json(refused, status).get("error");
            assertEquals("because", error.get("message").stringValue());
            assertEquals(code, error.get("code").stringValue());
            assertEquals("a_field", error.get("param").stringValue());
            assertEquals(status == 503, refused.headers().firstValue("Retry-After").isPresent());
            // The same, told by the first event.
            server.inference.script =
                    request ->
                            List.of(generation -> {
                                throw failure;
                            });
            assertEquals(status, server.post(CHAT, body).statusCode());
        }
        server.inference.script =
                request -> ScriptedInference.failing(ScriptedInference.says("begun"), failure);
        String streamed = server.post(CHAT, chat("\"stream\":true")).body();
        JsonNode last = TestServer.data(streamed).getLast();
        assertEquals(code, last.at("/error/code").stringValue());
        assertFalse(streamed.contains("[DONE]"));
    }

    @Test
    void tellsWhenToTryAgain() throws Exception {
        server.inference.script =
                request -> {
                    throw InferenceException.overloaded("the queue is full", Duration.ofSeconds(9));
                };
        HttpResponse<String> refused = server.post(CHAT, chat(""));
        assertEquals("9", refused.headers().firstValue("Retry-After").orElseThrow());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "temperature | {M, 'temperature': 'hot'}",
                "temperature | {M, 'temperature': -1}",
                "top_p | {M, 'top_p': 2}",
                "top_p | {M, 'top_p': []}",
                "top_k | {M, 'top_k': 1.5}",
                "seed | {M, 'seed': 'x'}",
                "n | {M, 'n': 0}",
                "n | {M, 'n': 1000}",
                "max_tokens | {M, 'max_tokens': 0}",
                "max_tokens | {M, 'max_tokens': 1e999999999}",
                "max_completion_tokens | {M, 'max_completion_tokens': '5'}",
                "stop | {M, 'stop': 5}",
                "stop[1] | {M, 'stop': ['a', 5]}",
                "stop | {M, 'stop': ['']}",
                "stream | {M, 'stream': 'yes'}",
                "stream_options | {M, 'stream_options': true}",
                "logit_bias.x | {M, 'logit_bias': {'x': 1}}",
                "logit_bias.5 | {M, 'logit_bias': {'5': 1000}}",
                "top_logprobs | {M, 'top_logprobs': 3}",
                "top_logprobs | {M, 'logprobs': true, 'top_logprobs': 21}",
                "response_format.type | {M, 'response_format': {'type': 'json_object'}}",
                "response_format.type | {M, 'response_format': {'type': 'json_schema'}}",
                "tools[0].function | {M, 'tools': [{'type': 'function'}]}",
                "tools[0].function.name | {M, 'tools': [{'type': 'function', 'function': {}}]}",
                "tools[0] | {M, 'tools': ['x']}",
                "tool_choice | {M, 'tool_choice': 'required'}",
                "tool_choice | {M, 'tool_choice': {'type': 'function', 'function': {'name': 'x'}}}",
                "functions | {M, 'functions': []}",
                "modalities | {M, 'modalities': ['audio']}",
                "chat_template_kwargs | {M, 'chat_template_kwargs': []}",
                "messages | {'model': 'demo'}",
                "messages | {'model': 'demo', 'messages': []}",
                "messages | {'model': 'demo', 'messages': 'hi'}",
                "messages[0] | {'model': 'demo', 'messages': ['hi']}",
                "messages[0].role | {'model': 'demo', 'messages': [{'content': 'x'}]}",
                "messages[0].content | {'model': 'demo', 'messages': [{'role': 'user'}]}",
                "messages[0].content | {'model': 'demo', 'messages': [{'role': 'user', 'content': 5}]}",
                "messages[0].content[0].type | {'model': 'demo', 'messages': [{'role': 'user', 'content': [{'type': 'image_url'}]}]}",
                "messages[0].tool_calls[0].function.arguments | {'model': 'demo', 'messages': [{'role': 'assistant', 'tool_calls': [{'function': {'name': 'f', 'arguments': '[]'}}]}]}",
                "model | {'model': 5, 'messages': [{'role': 'user', 'content': 'x'}]}"
            })
    void refusesAndNamesTheField(String field, String body) throws Exception {
        String json = body.replace("M,", "'model': 'demo', " + MESSAGES + ",").replace('\'', '"');
        JsonNode error = server.postJson(CHAT, json, 400).get("error");
        assertEquals(field, error.get("param").stringValue(), error.toString());
        assertEquals("invalid_request_error", error.get("type").stringValue());
        assertTrue(server.inference.generations.isEmpty());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "prompt | {'model': 'demo'}",
                "prompt | {'model': 'demo', 'prompt': 5}",
                "prompt | {'model': 'demo', 'prompt': []}",
                "prompt[1] | {'model': 'demo', 'prompt': ['a', 5]}",
                "prompt | {'model': 'demo', 'prompt': [1, 'a']}",
                "prompt | {'model': 'demo', 'prompt': [-1]}",
                "prompt[0] | {'model': 'demo', 'prompt': [[]]}",
                "prompt | {'model': 'demo', 'prompt': ['a', 'b'], 'n': 100}",
                "echo | {'model': 'demo', 'prompt': 'a', 'echo': true}",
                "suffix | {'model': 'demo', 'prompt': 'a', 'suffix': 'b'}",
                "best_of | {'model': 'demo', 'prompt': 'a', 'best_of': 3}"
            })
    void refusesCompletionsAndNamesTheField(String field, String body) throws Exception {
        JsonNode error = server.postJson("/v1/completions", body.replace('\'', '"'), 400);
        assertEquals(field, error.at("/error/param").stringValue(), error.toString());
    }

    @Test
    void refusesToolsForAModelWithoutThem() throws Exception {
        String body = chat(TOOLS).replace("\"demo\"", "\"org/plain:7b\"");
        assertEquals("tools", server.postJson(CHAT, body, 400).at("/error/param").stringValue());
    }

    @Test
    void namesThePositionOfMalformedJson() throws Exception {
        JsonNode error = server.postJson(CHAT, "{\"model\": \"demo\",\n  oops}", 400).get("error");
        assertTrue(error.get("message").stringValue().contains("line 2, column"), error.toString());
        assertEquals(400, server.post(CHAT, "").statusCode());
        assertEquals(400, server.post(CHAT, "[]").statusCode());
    }
}
