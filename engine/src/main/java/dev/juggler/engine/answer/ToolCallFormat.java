package dev.juggler.engine.answer;

import java.util.List;
import java.util.Map;

/** How a family of models writes tool calls. Stateless. */
public interface ToolCallFormat {
    /** The text that a call begins with, wherever in the answer it comes. */
    String opening();

    /**
     * Reads what begins with {@link #opening}.
     *
     * @param text the answer from the opening on, as far as it is known
     * @param complete whether the answer has ended
     * @return not {@link Reading.Incomplete} if the answer has ended
     */
    Reading read(String text, boolean complete);

    /** What was read. */
    sealed interface Reading {
        /** One or more calls in the first {@code end} characters. */
        record Calls(List<Invocation> calls, int end) implements Reading {}

        /** More text is needed to tell. */
        record Incomplete() implements Reading {}

        /** No call: the first {@code end} characters, at least one, are plain text. */
        record NoCall(int end) implements Reading {}
    }

    /** A call that has no id yet. */
    record Invocation(String name, Map<String, Object> arguments) {}
}
