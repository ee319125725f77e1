package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** What the Ollama API refuses, and how it reports what goes wrong. */
class OllamaErrorsTest extends OllamaScenario {
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
