package dev.juggler.ollama;

import dev.juggler.inference.ModelCard;
import dev.juggler.protocol.json.JsonFields;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** Ollama's {@code think} as variables of the chat template. */
final class Thinking {
    private Thinking() {}

    /** True, false, or one of the levels low, medium and high; nothing if it is absent. */
    static Map<String, Object> variables(JsonFields body, ModelCard card) {
        JsonNode think = body.node("think");
        if (think == null) {
            return Map.of();
        }
        if (think.isBoolean() && !think.booleanValue()) {
            return Map.of("enable_thinking", false);
        }
        if (!think.isBoolean() && !think.isString()) {
            throw body.wrongType("think", "true, false, \"low\", \"medium\" or \"high\"", think);
        }
        if (!card.capabilities().contains("thinking")) {
            throw body.error(
                    "think",
                    "cannot be used: the model '%s' does not support thinking"
                            .formatted(card.name()));
        }
        return think.isBoolean()
                ? Map.of("enable_thinking", true)
                : Map.of("enable_thinking", true, "reasoning_effort", think.stringValue());
    }
}
