package dev.juggler.inference;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One message of a conversation.
 *
 * @param role {@code system}, {@code user}, {@code assistant}, {@code tool} or what the template
 *     knows
 * @param content text, or null (an assistant that only calls tools)
 * @param reasoning the assistant's thoughts, kept apart from its answer, or null
 * @param toolCalls calls that the assistant made
 * @param toolCallId which call a tool message answers, or null
 * @param name the tool or the speaker, or null
 */
public record Message(
        String role,
        @Nullable String content,
        @Nullable String reasoning,
        List<ToolCall> toolCalls,
        @Nullable String toolCallId,
        @Nullable String name) {
    public Message {
        toolCalls = List.copyOf(toolCalls);
    }

    /** A plain message. */
    public static Message of(String role, String content) {
        return new Message(role, content, null, List.of(), null, null);
    }
}
