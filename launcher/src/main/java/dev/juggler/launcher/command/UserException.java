package dev.juggler.launcher.command;

/** A command cannot do what was asked; the message names the thing, the value and the remedy. */
final class UserException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    UserException(String message) {
        this(message, 1);
    }

    UserException(String message, int exitCode) {
        super(message);
        this.exitCode = exitCode;
    }

    int exitCode() {
        return exitCode;
    }
}
