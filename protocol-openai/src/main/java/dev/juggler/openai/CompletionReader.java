package dev.juggler.openai;

import dev.juggler.inference.GenerationRequest;
import dev.juggler.inference.Prompt;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.json.JsonFields;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** Reads the body of a completion. What would change the answer and is not done is refused. */
final class CompletionReader {
    /** OpenAI's default. */
    private static final int MAX_TOKENS = 16;

    private CompletionReader() {}

    /** One request for each prompt, in order. */
    static List<GenerationRequest> read(JsonFields body, Options options) {
        refuseUnsupported(body, options);
        Integer maxTokens = body.integer("max_tokens", 1, Integer.MAX_VALUE);
        Integer logprobs = body.integer("logprobs", 0, 20);
        List<Prompt> prompts = prompts(body);
        if ((long) prompts.size() * options.choices() > Options.MOST_CHOICES) {
            throw body.error(
                    "prompt",
                    "asks for %d answers with n = %d, the limit is %d"
                            .formatted(
                                    (long) prompts.size() * options.choices(),
                                    options.choices(),
                                    Options.MOST_CHOICES));
        }
        return prompts.stream()
                .map(prompt ->
                        options.request(
                                prompt, maxTokens == null ? MAX_TOKENS : maxTokens, logprobs))
                .toList();
    }

    private static void refuseUnsupported(JsonFields body, Options options) {
        if (body.flag("echo", false)) {
            throw body.error("echo", "is not supported; put the prompt before the answer yourself");
        }
        String suffix = body.text("suffix");
        if (suffix != null && !suffix.isEmpty()) {
            throw body.error("suffix", "is not supported yet");
        }
        Integer bestOf = body.integer("best_of", 1, Options.MOST_CHOICES);
        if (bestOf != null && bestOf != options.choices()) {
            throw body.error(
                    "best_of", "is %d; only the value of n is supported".formatted(bestOf));
        }
    }

    /** A text, a list of texts, a list of token ids, or a list of such lists. */
    private static List<Prompt> prompts(JsonFields body) {
        JsonNode prompt = body.node("prompt");
        if (prompt == null) {
            throw body.missing("prompt");
        }
        if (prompt.isString()) {
            return List.of(text(prompt));
        }
        if (!prompt.isArray()) {
            throw body.wrongType("prompt", "a string or a list", prompt);
        }
        if (prompt.isEmpty()) {
            throw body.error("prompt", "is an empty list");
        }
        if (prompt.get(0).isNumber()) {
            return List.of(tokens(prompt.values(), "prompt"));
        }
        List<Prompt> prompts = new ArrayList<>();
        for (JsonNode element : prompt.values()) {
            String place = "prompt[" + prompts.size() + "]";
            if (element.isString()) {
                prompts.add(text(element));
            } else if (element.isArray() && !element.isEmpty()) {
                prompts.add(tokens(element.values(), place));
            } else {
                throw HttpError.badRequest(
                        "'%s' must be a string or a list of token ids".formatted(place), place);
            }
        }
        return prompts;
    }

    private static Prompt text(JsonNode node) {
        return new Prompt.Text(node.stringValue(), true);
    }

    private static Prompt tokens(Collection<JsonNode> nodes, String place) {
        List<Integer> ids = new ArrayList<>(nodes.size());
        for (JsonNode node : nodes) {
            if (!node.isIntegralNumber() || !node.canConvertToInt() || node.intValue() < 0) {
                throw HttpError.badRequest(
                        "'%s[%d]' must be a token id".formatted(place, ids.size()), place);
            }
            ids.add(node.intValue());
        }
        return new Prompt.Tokens(ids);
    }
}
