package dev.juggler.engine.scheduler;

import dev.juggler.inference.InferenceException;
import org.jspecify.annotations.Nullable;

/** The next token of each sequence of a step that gets one, or why it has none. */
public final class Choices {
    private final @Nullable SampledToken[] tokens;
    private final @Nullable InferenceException[] errors;

    Choices(int maxSequences) {
        tokens = new @Nullable SampledToken[maxSequences];
        errors = new @Nullable InferenceException[maxSequences];
    }

    /** The token of the sequence at {@code index} of the step, or null. */
    public @Nullable SampledToken token(int index) {
        return tokens[index];
    }

    /** Why it has no token, or null. */
    public @Nullable InferenceException error(int index) {
        return errors[index];
    }

    void set(int index, @Nullable SampledToken token, @Nullable InferenceException error) {
        tokens[index] = token;
        errors[index] = error;
    }
}
