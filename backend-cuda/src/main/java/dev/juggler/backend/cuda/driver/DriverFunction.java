package dev.juggler.backend.cuda.driver;

/** A kernel of a {@link DriverModule}. */
public interface DriverFunction {
    /** Its name. */
    String name();

    /**
     * Lets launches take more dynamic shared memory than 48 KiB.
     *
     * @param bytes up to {@link DeviceProperties#sharedBytes}
     */
    void allowShared(int bytes);
}
