package dev.juggler.engine.placement;

/** Placement rules that make no sense, or that do not suit the model or the machine. */
public final class PlacementException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * @param message which rule, which value, and what would do
     */
    public PlacementException(String message) {
        super(message);
    }
}
