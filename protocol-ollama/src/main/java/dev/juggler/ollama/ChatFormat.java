package dev.juggler.ollama;

import dev.juggler.inference.ToolCall;
import dev.juggler.protocol.json.Json;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Frames of chat. */
final class ChatFormat implements Format {
    @Override
    public ObjectNode piece(String content, String thinking, List<ToolCall> calls) {
        ObjectNode piece = Json.object();
        ObjectNode message = piece.putObject("message");
        message.put("role", "assistant").put("content", content);
        if (!thinking.isEmpty()) {
            message.put("thinking", thinking);
        }
        if (!calls.isEmpty()) {
            ArrayNode list = message.putArray("tool_calls");
            for (ToolCall call : calls) {
                ObjectNode entry = list.addObject().put("id", call.id());
                entry.putObject("function")
                        .put("name", call.name())
                        .set("arguments", Json.node(call.arguments()));
            }
        }
        return piece;
    }

    @Override
    public void complete(ObjectNode last, List<Integer> ids) {
        // Chat has its history in the messages.
    }
}
