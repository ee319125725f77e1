package dev.juggler.backend.cuda.driver;

/** A mark in a {@link DriverStream}; one that was never recorded is reached. */
public interface DriverEvent extends AutoCloseable {
    /** Waits until the work before the mark is done. */
    void synchronize();

    /** Whether the work before the mark is done; does not wait. */
    boolean isReached();

    /** Seconds from an earlier mark to this one; both are reached. */
    double secondsSince(DriverEvent earlier);

    @Override
    void close();
}
