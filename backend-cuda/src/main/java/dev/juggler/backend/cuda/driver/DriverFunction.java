package dev.juggler.backend.cuda.driver;

/** A kernel of a {@link DriverModule}. */
public interface DriverFunction {
    /** Its name. */
    String name();
}
