package dev.juggler.protocol;

import dev.juggler.inference.InferenceException;
import org.jspecify.annotations.Nullable;

/** An answer that is an error. */
public final class HttpError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String code;
    private final @Nullable String parameter;

    /**
     * @param status HTTP status, 400 to 599
     * @param code a short word for programs, e.g. {@code model_not_found}
     * @param message for people: the thing, the value and the remedy
     * @param parameter the field of the request that is at fault, or null
     */
    public HttpError(int status, String code, String message, @Nullable String parameter) {
        super(message);
        this.status = status;
        this.code = code;
        this.parameter = parameter;
    }

    /** A request that makes no sense. */
    public static HttpError badRequest(String message, @Nullable String parameter) {
        return new HttpError(400, "invalid_request", message, parameter);
    }

    /**
     * What has gone wrong in a handler, in terms of HTTP: the engine's refusals by their kind, an
     * interrupt as the stop of the server, anything else as a defect whose details stay in the log.
     */
    public static HttpError of(Throwable failure) {
        if (failure instanceof HttpError same) {
            return same;
        }
        HttpError error =
                switch (failure) {
                    case InferenceException refused -> of(refused);
                    case InterruptedException stopped ->
                            new HttpError(503, "stopping", "the server is stopping", null);
                    default ->
                            new HttpError(
                                    500,
                                    "internal_error",
                                    "internal error (%s); the server's log has the details"
                                            .formatted(failure.getClass().getSimpleName()),
                                    null);
                };
        error.initCause(failure);
        return error;
    }

    private static HttpError of(InferenceException failure) {
        String text = String.valueOf(failure.getMessage());
        String parameter = failure.parameter();
        return switch (failure.kind()) {
            case INVALID_REQUEST -> new HttpError(400, "invalid_request", text, parameter);
            case CONTEXT_EXCEEDED -> new HttpError(400, "context_length_exceeded", text, parameter);
            case UNKNOWN_MODEL ->
                    new HttpError(
                            404, "model_not_found", text, parameter == null ? "model" : parameter);
            case OVERLOADED -> new HttpError(503, "overloaded", text, parameter);
            case UNAVAILABLE -> new HttpError(503, "unavailable", text, parameter);
            case INTERNAL -> new HttpError(500, "internal_error", text, parameter);
        };
    }

    public int status() {
        return status;
    }

    public String code() {
        return code;
    }

    public @Nullable String parameter() {
        return parameter;
    }

    /** The message, never null. */
    public String text() {
        return String.valueOf(getMessage());
    }
}
