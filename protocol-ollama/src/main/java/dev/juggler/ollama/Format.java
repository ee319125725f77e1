package dev.juggler.ollama;

import dev.juggler.inference.ToolCall;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/** What is different in the answers of generate and chat. */
interface Format {
    /** The fields that hold what the model says. */
    ObjectNode piece(String content, String thinking, List<ToolCall> calls);

    /**
     * Adds to the last frame what only this endpoint tells.
     *
     * @param ids of the prompt and the answer
     */
    void complete(ObjectNode last, List<Integer> ids);
}
