package dev.juggler.backend.cuda.driver;

/** Where the driver comes from. */
@FunctionalInterface
public interface DriverSource {
    /** The driver that is installed on this machine. */
    DriverSource INSTALLED = new InstalledDriver();

    /** Whether there is one. */
    sealed interface Result {}

    /** There is. */
    record Found(Driver driver) implements Result {}

    /**
     * There is none.
     *
     * @param reason what is missing
     * @param remedy what the user can do
     */
    record Missing(String reason, String remedy) implements Result {}

    /** Looks for it; cheap where there is none, and never throws. */
    Result find();
}
