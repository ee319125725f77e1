package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Reasoning;
import dev.juggler.inference.GenerationEvent.Text;
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

/** Conversations and models over the OpenAI API. */
class OpenAiChatTest extends OpenAiScenario {
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
}
