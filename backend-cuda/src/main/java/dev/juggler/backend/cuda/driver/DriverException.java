package dev.juggler.backend.cuda.driver;

/** A call of the driver came back with an error. */
public final class DriverException extends RuntimeException {
    /** The number of CUDA_ERROR_OUT_OF_MEMORY. */
    public static final int OUT_OF_MEMORY = 2;

    private static final long serialVersionUID = 1L;

    private final int code;

    /**
     * @param call the driver's function
     * @param code its result
     * @param text what the driver says to it
     */
    public DriverException(String call, int code, String text) {
        super("%s: %s (%d)".formatted(call, text, code));
        this.code = code;
    }

    /** Whether the device is in order and has no more memory. */
    public boolean isOutOfMemory() {
        return code == OUT_OF_MEMORY;
    }
}
