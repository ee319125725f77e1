package dev.juggler.ollama;

import dev.juggler.inference.GenerationEvent.TokenLogprob;
import dev.juggler.protocol.json.Json;
import dev.juggler.protocol.json.JsonFields;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Ollama's {@code logprobs} and {@code top_logprobs}. */
final class Logprobs {
    private Logprobs() {}

    /** How many alternatives are wanted, or null for no log probabilities. */
    static @Nullable Integer wanted(JsonFields body) {
        Integer top = body.integer("top_logprobs", 0, 20);
        if (!body.flag("logprobs", false)) {
            return null;
        }
        return top == null ? 0 : top;
    }

    static ArrayNode list(List<TokenLogprob> tokens) {
        ArrayNode list = Json.list();
        for (TokenLogprob token : tokens) {
            ObjectNode entry = entry(token);
            if (!token.alternatives().isEmpty()) {
                ArrayNode others = entry.putArray("top_logprobs");
                token.alternatives().forEach(other -> others.add(entry(other)));
            }
            list.add(entry);
        }
        return list;
    }

    private static ObjectNode entry(TokenLogprob token) {
        // JSON has no infinity.
        double logprob = Double.isFinite(token.logprob()) ? token.logprob() : -9999;
        return Json.object().put("token", token.token()).put("logprob", logprob);
    }
}
