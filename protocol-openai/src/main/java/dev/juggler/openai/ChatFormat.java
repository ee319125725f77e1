package dev.juggler.openai;

import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.inference.ToolCall;
import dev.juggler.protocol.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Answers of chat completions. Each delta names the role, as the page that this project follows
 * shows; OpenAI does so in the first alone, and clients take either.
 */
final class ChatFormat implements Format {
    private final boolean oneToolCall;

    /**
     * @param oneToolCall leave out calls after the first ({@code parallel_tool_calls: false})
     */
    ChatFormat(boolean oneToolCall) {
        this.oneToolCall = oneToolCall;
    }

    @Override
    public String idPrefix() {
        return "chatcmpl-";
    }

    @Override
    public String object(boolean streamed) {
        return streamed ? "chat.completion.chunk" : "chat.completion";
    }

    @Override
    public Choice choice(int index) {
        return new ChatChoice(index);
    }

    private final class ChatChoice implements Choice {
        private final int index;
        private int toolCalls;

        ChatChoice(int index) {
            this.index = index;
        }

        @Override
        public @Nullable ObjectNode piece(GenerationEvent event) {
            return switch (event) {
                case GenerationEvent.Text text ->
                        text.text().isEmpty() && text.logprobs().isEmpty()
                                ? null
                                : choice(
                                        delta("content", text.text()),
                                        logprobs(text.logprobs()),
                                        null);
                case GenerationEvent.Reasoning reasoning ->
                        choice(delta("reasoning_content", reasoning.text()), null, null);
                case GenerationEvent.Call call -> toolCall(call.call());
                case GenerationEvent.Started ignored -> null;
                case GenerationEvent.Finished ignored -> null;
            };
        }

        private @Nullable ObjectNode toolCall(ToolCall call) {
            if (oneToolCall && toolCalls > 0) {
                return null;
            }
            ObjectNode numbered = Json.object().put("index", toolCalls++);
            numbered.setAll(ChatFormat.toolCall(call));
            ObjectNode delta = Json.object().put("role", "assistant");
            delta.putArray("tool_calls").add(numbered);
            return choice(delta, null, null);
        }

        @Override
        public ObjectNode last(FinishReason reason) {
            return choice(delta("content", ""), null, reason);
        }

        private static ObjectNode delta(String field, String text) {
            return Json.object().put(field, text).put("role", "assistant");
        }

        private ObjectNode choice(
                ObjectNode delta, @Nullable JsonNode logprobs, @Nullable FinishReason reason) {
            ObjectNode choice = Json.object().put("index", index);
            choice.set("delta", delta);
            choice.set("logprobs", logprobs);
            return choice.put("finish_reason", reason == null ? null : Format.word(reason));
        }

        @Override
        public ObjectNode whole(List<GenerationEvent> events, FinishReason reason) {
            StringBuilder content = new StringBuilder();
            StringBuilder reasoning = new StringBuilder();
            List<TokenLogprob> logprobs = new ArrayList<>();
            ArrayNode calls = Json.list();
            for (GenerationEvent event : events) {
                switch (event) {
                    case GenerationEvent.Text text -> {
                        content.append(text.text());
                        logprobs.addAll(text.logprobs());
                    }
                    case GenerationEvent.Reasoning thought -> reasoning.append(thought.text());
                    case GenerationEvent.Call call -> {
                        if (!oneToolCall || calls.isEmpty()) {
                            calls.add(ChatFormat.toolCall(call.call()));
                        }
                    }
                    case GenerationEvent.Started ignored -> {}
                    case GenerationEvent.Finished ignored -> {}
                }
            }
            boolean onlyCalls = content.isEmpty() && !calls.isEmpty();
            ObjectNode message =
                    Json.object()
                            .put("role", "assistant")
                            .put("content", onlyCalls ? null : content.toString());
            if (!reasoning.isEmpty()) {
                message.put("reasoning_content", reasoning.toString());
            }
            message.putNull("refusal");
            if (!calls.isEmpty()) {
                message.set("tool_calls", calls);
            }
            ObjectNode choice = Json.object().put("index", index);
            choice.set("message", message);
            choice.set("logprobs", logprobs(logprobs));
            return choice.put("finish_reason", Format.word(reason));
        }
    }

    private static ObjectNode toolCall(ToolCall call) {
        ObjectNode node = Json.object().put("id", call.id()).put("type", "function");
        node.putObject("function")
                .put("name", call.name())
                .put("arguments", Json.text(Json.node(call.arguments())));
        return node;
    }

    private static @Nullable ObjectNode logprobs(List<TokenLogprob> tokens) {
        if (tokens.isEmpty()) {
            return null;
        }
        ObjectNode node = Json.object();
        ArrayNode content = node.putArray("content");
        for (TokenLogprob token : tokens) {
            ObjectNode entry = logprob(token);
            ArrayNode alternatives = entry.putArray("top_logprobs");
            token.alternatives().forEach(other -> alternatives.add(logprob(other)));
            content.add(entry);
        }
        return node.putNull("refusal");
    }

    private static ObjectNode logprob(TokenLogprob token) {
        ObjectNode node =
                Json.object().put("token", token.token()).put("logprob", finite(token.logprob()));
        if (token.token().indexOf('\uFFFD') >= 0) {
            // Part of a character: its bytes are not those of the text.
            return node.putNull("bytes");
        }
        ArrayNode bytes = node.putArray("bytes");
        for (byte b : token.token().getBytes(StandardCharsets.UTF_8)) {
            bytes.add(b & 0xff);
        }
        return node;
    }

    /** JSON has no infinity; OpenAI writes -9999 for a token that cannot come. */
    static double finite(double logprob) {
        return Double.isFinite(logprob) ? logprob : -9999;
    }
}
