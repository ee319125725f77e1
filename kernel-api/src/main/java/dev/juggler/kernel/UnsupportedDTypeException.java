package dev.juggler.kernel;

/** A kernel was called with an element type that the backend said it does not support. */
public final class UnsupportedDTypeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public UnsupportedDTypeException(String backend, String operation, DType dtype) {
        super("%s has no %s for %s".formatted(backend, operation, dtype));
    }
}
