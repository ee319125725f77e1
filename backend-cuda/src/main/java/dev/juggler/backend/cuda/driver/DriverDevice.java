package dev.juggler.backend.cuda.driver;

import dev.juggler.kernel.MemoryInfo;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * An open device. Addresses are the device's own. Everything may be called by any thread; every
 * method throws {@link DriverException} where the driver reports an error, also one of earlier work
 * that only shows now.
 */
public interface DriverDevice extends AutoCloseable {
    /** What it is. */
    DeviceProperties properties();

    /** Its memory now, all users counted. */
    MemoryInfo memory();

    /** Memory with undefined content, aligned to 256 bytes. */
    long allocate(long bytes);

    /** Gives memory back that {@link #allocate} returned and no unfinished work uses. */
    void free(long address);

    /** Host memory that the device can copy from and to while the host goes on. */
    MemorySegment allocatePinned(long bytes);

    /** Gives back what {@link #allocatePinned} returned. */
    void freePinned(MemorySegment memory);

    /** A queue of work. */
    DriverStream createStream();

    /** NVIDIA's matrix products on one of its streams, or null where their library is not there. */
    @Nullable DriverProducts createProducts(DriverStream stream);

    /** A mark in queues. */
    DriverEvent createEvent();

    /**
     * Loads compiled kernels.
     *
     * @param image PTX that ends with a zero byte, or a cubin
     */
    DriverModule load(byte[] image);

    /**
     * Whether memory of {@code other} can be copied here without passing through the host's; turns
     * it on where it can.
     */
    boolean reaches(DriverDevice other);

    /** Closes it, once; what it has created is closed before. */
    @Override
    void close();
}
