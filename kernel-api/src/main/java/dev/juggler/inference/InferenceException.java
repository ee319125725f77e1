package dev.juggler.inference;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A request was refused or has failed. */
public final class InferenceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Why, in the terms that decide the HTTP status. */
    public enum Kind {
        /** The request makes no sense as it stands: 400. */
        INVALID_REQUEST,
        /** No model has this name: 404. */
        UNKNOWN_MODEL,
        /** Prompt and answer do not fit the context: 400, with the numbers. */
        CONTEXT_EXCEEDED,
        /** The queue is full or the server is stopping: 503 with Retry-After. */
        OVERLOADED,
        /** The model cannot be loaded or a device has failed: 503. */
        UNAVAILABLE,
        /** A defect here: 500. */
        INTERNAL
    }

    private final Kind kind;
    private final @Nullable String parameter;
    private final @Nullable Duration retryAfter;

    public InferenceException(Kind kind, String message) {
        this(kind, message, (String) null);
    }

    /**
     * @param parameter the field of the request that is at fault, or null
     */
    public InferenceException(Kind kind, String message, @Nullable String parameter) {
        super(message);
        this.kind = kind;
        this.parameter = parameter;
        this.retryAfter = null;
    }

    public InferenceException(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
        this.parameter = null;
        this.retryAfter = null;
    }

    private InferenceException(Kind kind, String message, Duration retryAfter) {
        super(message);
        this.kind = kind;
        this.parameter = null;
        this.retryAfter = retryAfter;
    }

    /** An {@link Kind#OVERLOADED} refusal that says when it is worth trying again. */
    public static InferenceException overloaded(String message, Duration retryAfter) {
        return new InferenceException(Kind.OVERLOADED, message, retryAfter);
    }

    public Kind kind() {
        return kind;
    }

    /** The field of the request that is at fault, or null. */
    public @Nullable String parameter() {
        return parameter;
    }

    /** When it is worth trying again (the Retry-After of HTTP), or null where nobody knows. */
    public @Nullable Duration retryAfter() {
        return retryAfter;
    }
}
