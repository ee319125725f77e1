package dev.juggler.openai;

import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.protocol.json.Json;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Answers of completions: plain text, neither reasoning nor tool calls. */
final class CompletionFormat implements Format {
    @Override
    public String idPrefix() {
        return "cmpl-";
    }

    @Override
    public String object(boolean streamed) {
        return "text_completion";
    }

    @Override
    public Choice choice(int index) {
        return new CompletionChoice(index);
    }

    private static final class CompletionChoice implements Choice {
        private final int index;
        private int offset;

        CompletionChoice(int index) {
            this.index = index;
        }

        @Override
        public @Nullable ObjectNode piece(GenerationEvent event) {
            if (!(event instanceof GenerationEvent.Text text)
                    || (text.text().isEmpty() && text.logprobs().isEmpty())) {
                return null;
            }
            return choice(text.text(), text.logprobs(), null);
        }

        @Override
        public ObjectNode last(FinishReason reason) {
            return choice("", List.of(), reason);
        }

        @Override
        public ObjectNode whole(List<GenerationEvent> events, FinishReason reason) {
            StringBuilder text = new StringBuilder();
            List<TokenLogprob> logprobs = new ArrayList<>();
            for (GenerationEvent event : events) {
                if (event instanceof GenerationEvent.Text more) {
                    text.append(more.text());
                    logprobs.addAll(more.logprobs());
                }
            }
            return choice(text.toString(), logprobs, reason);
        }

        private ObjectNode choice(
                String text, List<TokenLogprob> tokens, @Nullable FinishReason reason) {
            ObjectNode choice = Json.object().put("index", index).put("text", text);
            choice.set("logprobs", tokens.isEmpty() ? null : logprobs(tokens));
            return choice.put("finish_reason", reason == null ? null : Format.word(reason));
        }

        private ObjectNode logprobs(List<TokenLogprob> tokens) {
            ObjectNode node = Json.object();
            ArrayNode texts = node.putArray("tokens");
            ArrayNode values = node.putArray("token_logprobs");
            ArrayNode alternatives = node.putArray("top_logprobs");
            ArrayNode offsets = node.putArray("text_offset");
            for (TokenLogprob token : tokens) {
                texts.add(token.token());
                values.add(ChatFormat.finite(token.logprob()));
                ObjectNode others = alternatives.addObject();
                for (TokenLogprob other : token.alternatives()) {
                    others.put(other.token(), ChatFormat.finite(other.logprob()));
                }
                offsets.add(offset);
                offset += token.token().length();
            }
            return node;
        }
    }
}
