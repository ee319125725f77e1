package dev.juggler.backend.cuda.driver;

/** Compiled kernels on one device. */
public interface DriverModule extends AutoCloseable {
    /**
     * A kernel.
     *
     * @throws DriverException if there is none of this name
     */
    DriverFunction function(String name);

    /**
     * Address of a variable on the device.
     *
     * @throws DriverException if there is none of this name
     */
    long global(String name);

    @Override
    void close();
}
