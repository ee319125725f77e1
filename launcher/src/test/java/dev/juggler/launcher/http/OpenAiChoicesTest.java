package dev.juggler.launcher.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.Text;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.InferenceException.Kind;
import dev.juggler.inference.Prompt;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Several choices, several prompts, and log probabilities over the OpenAI API. */
class OpenAiChoicesTest extends OpenAiScenario {
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
}
