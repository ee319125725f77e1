package dev.juggler.kernel;

/** A backend could not be opened or has failed; the message names the thing and the remedy. */
public class BackendException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public BackendException(String message) {
        super(message);
    }

    public BackendException(String message, Throwable cause) {
        super(message, cause);
    }
}
