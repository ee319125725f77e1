package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** What the OpenAI API refuses, and how it reports what goes wrong. */
class OpenAiErrorsTest extends OpenAiScenario {
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
    void namesThePositionOfMalformedJson() throws Exception {
        JsonNode error = server.postJson(CHAT, "{\"model\": \"demo\",\n  oops}", 400).get("error");
        assertTrue(error.get("message").stringValue().contains("line 2, column"), error.toString());
        assertEquals(400, server.post(CHAT, "").statusCode());
        assertEquals(400, server.post(CHAT, "[]").statusCode());
    }
}
