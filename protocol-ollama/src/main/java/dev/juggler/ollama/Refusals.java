package dev.juggler.ollama;

import dev.juggler.protocol.json.JsonFields;
import tools.jackson.databind.JsonNode;

/** What both endpoints refuse. */
final class Refusals {
    private Refusals() {}

    /** Structured output would need a grammar, which the sampler does not have yet. */
    static void format(JsonFields body) {
        JsonNode format = body.node("format");
        if (format != null && !(format.isString() && format.stringValue().isEmpty())) {
            throw body.error("format", "is not supported yet");
        }
    }
}
