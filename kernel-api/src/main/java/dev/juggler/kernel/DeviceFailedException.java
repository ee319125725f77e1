package dev.juggler.kernel;

/**
 * A device has failed: what it holds is lost, and nothing on it can be used until it is opened anew
 * in another process. A backend throws it for every error after which it cannot go on; the engine
 * then uses the device no more and places its models again on what is left.
 */
public final class DeviceFailedException extends BackendException {
    private static final long serialVersionUID = 1L;

    private final String device;

    /**
     * @param device its name in placement rules
     * @param problem what the device or its driver says
     */
    public DeviceFailedException(String device, String problem) {
        super("device %s has failed: %s".formatted(device, problem));
        this.device = device;
    }

    /** Name of the device. */
    public String device() {
        return device;
    }
}
