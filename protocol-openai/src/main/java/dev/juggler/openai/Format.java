package dev.juggler.openai;

import dev.juggler.inference.GenerationEvent;
import dev.juggler.inference.GenerationEvent.FinishReason;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/** What is different in the answers of the two endpoints. */
interface Format {
    /** How the answer's id starts. */
    String idPrefix();

    /** The field {@code object}. */
    String object(boolean streamed);

    /** The answer number {@code index}; used by one thread. */
    Choice choice(int index);

    /** One of the answers to a request. */
    interface Choice {
        /** The choice of a chunk that tells of an event, or null if it tells nothing. */
        @Nullable ObjectNode piece(GenerationEvent event);

        /** The choice of the last chunk. */
        ObjectNode last(FinishReason reason);

        /** The choice of an answer in one piece. */
        ObjectNode whole(List<GenerationEvent> events, FinishReason reason);
    }

    /** OpenAI's word. */
    static String word(FinishReason reason) {
        return switch (reason) {
            case STOP -> "stop";
            case LENGTH -> "length";
            case TOOL_CALLS -> "tool_calls";
            case CANCELLED ->
                    throw new IllegalArgumentException("a cancelled generation has no answer");
        };
    }
}
