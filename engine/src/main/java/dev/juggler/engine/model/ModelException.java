package dev.juggler.engine.model;

/**
 * A file does not hold a model that can be run here: a key or a tensor is missing, has an absurd
 * value, or means something that is not supported. The message names the thing, its value, the file
 * and, where there is one, the remedy.
 */
public final class ModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ModelException(String message) {
        super(message);
    }

    public ModelException(String message, Throwable cause) {
        super(message, cause);
    }
}
