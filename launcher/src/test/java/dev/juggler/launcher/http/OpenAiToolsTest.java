package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.GenerationEvent.Call;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.Prompt;
import dev.juggler.inference.ToolCall;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Tools and calls of them over the OpenAI API. */
class OpenAiToolsTest extends OpenAiScenario {
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
    void refusesToolsForAModelWithoutThem() throws Exception {
        String body = chat(TOOLS).replace("\"demo\"", "\"org/plain:7b\"");
        assertEquals("tools", server.postJson(CHAT, body, 400).at("/error/param").stringValue());
    }
}
