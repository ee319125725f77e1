package dev.juggler.backend.cuda.driver;

import java.lang.foreign.MemorySegment;

/**
 * A queue of work on one device, done in order. Methods enqueue and return at once, unless they say
 * otherwise; host memory that they are given is pinned and stays as it is until the work is done.
 */
public interface DriverStream extends AutoCloseable {
    /** Copies all of {@code from} to the device. */
    void copyIn(long to, MemorySegment from);

    /** Fills all of {@code to} from the device. */
    void copyOut(MemorySegment to, long from);

    /** Copies inside the device. */
    void copy(long to, long from, long bytes);

    /** Copies from another device's memory. */
    void copyFrom(DriverDevice source, long to, long from, long bytes);

    /** Sets bytes to zero. */
    void zero(long address, long bytes);

    /** Runs a kernel. The arguments are taken over at once. */
    void launch(DriverFunction function, Geometry geometry, Arguments arguments);

    /** Runs recorded launches. */
    void launch(DriverGraph graph);

    /** Marks what is enqueued so far. */
    void record(DriverEvent event);

    /** Lets all that comes later wait for a mark. */
    void await(DriverEvent event);

    /** From now on launches are recorded instead of run. */
    void beginCapture();

    /** What was recorded, ready to be launched any number of times. */
    DriverGraph endCapture();

    /** Waits until all of it is done. */
    void synchronize();

    @Override
    void close();
}
