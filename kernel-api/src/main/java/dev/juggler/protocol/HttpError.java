package dev.juggler.protocol;

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
