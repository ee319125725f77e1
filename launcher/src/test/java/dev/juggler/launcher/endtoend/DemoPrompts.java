package dev.juggler.launcher.endtoend;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** The prompts that the demo model answers rightly under greedy decoding. */
final class DemoPrompts {
    private static final ObjectMapper JSON = new ObjectMapper();

    private DemoPrompts() {}

    static List<JsonNode> read() throws IOException {
        try (InputStream in =
                Objects.requireNonNull(
                        DemoPrompts.class.getResourceAsStream("/demo-prompts.jsonl"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(JSON::readTree)
                    .toList();
        }
    }

    /**
     * What is wrong with an answer, or null.
     *
     * @param calls tool calls: objects with name and arguments
     */
    static @Nullable String complaint(JsonNode prompt, String text, List<JsonNode> calls) {
        String all = text + calls;
        for (JsonNode expected : prompt.path("expect_contains")) {
            if (!all.contains(expected.stringValue())) {
                return "expected " + expected + " in " + all + " for " + prompt.path("messages");
            }
        }
        JsonNode call = prompt.path("expect_tool_call");
        return call.isMissingNode() || calls.equals(List.of(call))
                ? null
                : "expected the call " + call + ", got " + all;
    }
}
