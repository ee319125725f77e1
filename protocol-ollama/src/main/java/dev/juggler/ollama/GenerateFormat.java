package dev.juggler.ollama;

import dev.juggler.inference.ToolCall;
import dev.juggler.protocol.json.Json;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** Frames of generate. */
final class GenerateFormat implements Format {
    @Override
    public ObjectNode piece(String content, String thinking, List<ToolCall> calls) {
        ObjectNode piece = Json.object().put("response", content);
        return thinking.isEmpty() ? piece : piece.put("thinking", thinking);
    }

    @Override
    public void complete(ObjectNode last, List<Integer> ids) {
        last.set("context", Json.node(ids));
    }
}
