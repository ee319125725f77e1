package dev.juggler.backend.cuda.driver;

/** Recorded launches with their arguments. */
public interface DriverGraph extends AutoCloseable {
    @Override
    void close();
}
