package dev.juggler.launcher.endtoend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The real server process, started through the launcher, with the built-in model and real clients.
 */
class ServerIT {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir static Path folder;
    private static @Nullable ServerProcess server;

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        server = new ServerProcess(folder);
    }

    @AfterAll
    static void stop() throws InterruptedException {
        int code = server().stop();
        server().close();
        // 128 + SIGTERM: the JVM ran its shutdown hooks and left.
        assertEquals(143, code);
    }

    @Test
    void theBannerSaysWhatWasChosen() throws IOException {
        String banner = server().banner();
        for (String part : List.of("cpu", "juggler-demo-moe", "openai", "ollama", server().url())) {
            assertTrue(banner.contains(part), banner);
        }
        assertTrue(banner.lines().count() < 25, banner);
    }

    @Test
    void demoPromptsOverOpenAi() throws Exception {
        check("OpenAI", ServerIT::askOpenAi);
    }

    @Test
    void demoPromptsOverOllama() throws Exception {
        check("Ollama", ServerIT::askOllama);
    }

    @Test
    void theExamplesOfTheDocumentationRunAsTheyStand() throws Exception {
        HttpResponse<String> chat =
                server().post(
                                "/v1/chat/completions",
                                "{\"messages\":[{\"content\":\"tell a joke\",\"role\":\"user\"}],"
                                        + "\"model\":\"Meta-Llama-3-8B-Instruct\",\"stream\":true}");
        assertEquals(200, chat.statusCode());
        String stream = chat.body();
        assertTrue(stream.endsWith("event: done\ndata: [DONE]\n\n"), stream);
        String first = stream.substring(stream.indexOf("data:") + 5, stream.indexOf("\n\n"));
        JsonNode chunk = JSON.readTree(first);
        assertEquals("chat.completion.chunk", chunk.path("object").stringValue());
        assertEquals("juggler-demo-moe", chunk.path("model").stringValue());
        assertEquals(
                "assistant",
                chunk.path("choices").path(0).path("delta").path("role").stringValue());
        assertTrue(chunk.has("system_fingerprint") && chunk.has("created") && chunk.has("id"));

        HttpResponse<String> generate =
                server().post(
                                "/api/generate",
                                "{\"model\":\"Meta-Llama-3-8B-Instruct\","
                                        + "\"prompt\":\"tell me a joke\",\"stream\":true}");
        assertEquals(200, generate.statusCode());
        List<JsonNode> lines = generate.body().lines().map(JSON::readTree).toList();
        JsonNode last = lines.getLast();
        assertTrue(last.path("done").booleanValue());
        assertEquals("stop", last.path("done_reason").stringValue());
        assertTrue(last.path("eval_count").intValue() > 0);
        assertTrue(last.path("prompt_eval_duration").longValue() > 0);
        assertTrue(lines.size() > 2);
    }

    @Test
    void eightConcurrentStreamsGiveTheTextsOfOneAfterTheOther() throws Exception {
        List<JsonNode> prompts = DemoPrompts.read().subList(0, 24);
        List<String> alone = new ArrayList<>();
        for (JsonNode prompt : prompts) {
            alone.add(askOpenAi(prompt).toString());
        }
        try (ExecutorService users = Executors.newFixedThreadPool(8)) {
            List<Future<String>> together = new ArrayList<>();
            for (JsonNode prompt : prompts) {
                together.add(users.submit(() -> askOpenAi(prompt).toString()));
            }
            for (int i = 0; i < alone.size(); i++) {
                assertEquals(alone.get(i), together.get(i).get());
            }
        }
        System.out.printf("8 concurrent streams: %d of %d texts equal%n", 24, prompts.size());
    }

    @Test
    void oneLineIsLoggedForEachRequest() throws Exception {
        server().get("/health");
        // The line is written when the answer is out, so the client may be here first.
        long end = System.nanoTime() + 5_000_000_000L;
        while (!server().log().contains("GET /health 200") && System.nanoTime() < end) {
            Thread.sleep(20);
        }
        assertTrue(server().log().contains("GET /health 200"), server().log());
    }

    private record Reply(String text, List<JsonNode> calls) {}

    private interface Ask {
        Reply of(JsonNode prompt) throws IOException, InterruptedException;
    }

    private static void check(String api, Ask ask) throws Exception {
        List<JsonNode> prompts = DemoPrompts.read();
        List<String> complaints = new ArrayList<>();
        for (JsonNode prompt : prompts) {
            Reply reply = ask.of(prompt);
            String complaint = DemoPrompts.complaint(prompt, reply.text(), reply.calls());
            if (complaint != null) {
                complaints.add(complaint);
            }
        }
        System.out.printf(
                "demo prompts over %s: %d of %d as expected%n",
                api, prompts.size() - complaints.size(), prompts.size());
        assertEquals(List.of(), complaints);
    }

    private static Reply askOpenAi(JsonNode prompt) throws IOException, InterruptedException {
        ObjectNode body = request(prompt);
        body.put("temperature", 0);
        for (JsonNode message : body.path("messages")) {
            for (JsonNode call : message.path("tool_calls")) {
                ObjectNode function = (ObjectNode) call.path("function");
                function.put("arguments", function.path("arguments").toString());
            }
        }
        HttpResponse<String> response = server().post("/v1/chat/completions", body.toString());
        assertEquals(200, response.statusCode(), response.body());
        JsonNode message = JSON.readTree(response.body()).path("choices").path(0).path("message");
        List<JsonNode> calls = new ArrayList<>();
        for (JsonNode call : message.path("tool_calls")) {
            ObjectNode plain = JSON.createObjectNode();
            plain.set("name", call.path("function").path("name"));
            plain.set(
                    "arguments",
                    JSON.readTree(call.path("function").path("arguments").stringValue()));
            calls.add(plain);
        }
        return new Reply(message.path("content").asString(""), calls);
    }

    private static Reply askOllama(JsonNode prompt) throws IOException, InterruptedException {
        ObjectNode body = request(prompt);
        body.putObject("options").put("temperature", 0);
        HttpResponse<String> response = server().post("/api/chat", body.toString());
        assertEquals(200, response.statusCode(), response.body());
        StringBuilder text = new StringBuilder();
        List<JsonNode> calls = new ArrayList<>();
        for (String line : response.body().lines().toList()) {
            JsonNode message = JSON.readTree(line).path("message");
            text.append(message.path("content").asString(""));
            for (JsonNode call : message.path("tool_calls")) {
                ObjectNode plain = JSON.createObjectNode();
                plain.set("name", call.path("function").path("name"));
                plain.set("arguments", call.path("function").path("arguments"));
                calls.add(plain);
            }
        }
        return new Reply(text.toString(), calls);
    }

    private static ObjectNode request(JsonNode prompt) {
        ObjectNode body = JSON.createObjectNode();
        body.put("model", "juggler-demo-moe");
        body.set("messages", prompt.path("messages").deepCopy());
        if (prompt.has("tools")) {
            body.set("tools", (ArrayNode) prompt.path("tools"));
        }
        return body;
    }

    private static ServerProcess server() {
        return java.util.Objects.requireNonNull(server);
    }
}
