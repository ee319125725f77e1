package dev.juggler.kernel;

/** A device cannot hold what was asked of it. */
public final class OutOfDeviceMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public OutOfDeviceMemoryException(String device, long asked, long free) {
        super("%s has %d bytes free, %d were asked for".formatted(device, free, asked));
    }
}
