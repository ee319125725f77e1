package dev.juggler.kernel;

import java.lang.foreign.MemorySegment;

/** One open device: its memory and its kernels. Closing it frees everything it allocated. */
public interface Backend extends AutoCloseable {
    /** The device's name in placement rules: {@code cpu}, {@code cuda:0}, {@code acme:1}. */
    String device();

    /** One line for people: what it chose and why, e.g. the instruction set and the threads. */
    String description();

    /**
     * Zeroed memory on the device.
     *
     * @throws OutOfDeviceMemoryException with the sizes, if there is not enough
     */
    Buffer allocate(long bytes);

    /**
     * Makes host memory (usually a part of a mapped file, which stays mapped) usable as a weight:
     * in place where {@link #usesHostMemory()}, else by a copy to the device.
     *
     * @throws OutOfDeviceMemoryException with the sizes, if a copy is needed and does not fit
     */
    Buffer adopt(MemorySegment mapped);

    /** True if kernels work directly on host memory, so that buffers need not be moved. */
    boolean usesHostMemory();

    /** The operations. */
    Kernels kernels();

    /** Returns when everything enqueued is done. */
    void synchronize();

    /** Memory as it is now. */
    MemoryInfo memory();

    /** Its speed, for plans; cheap, so measured or looked up when it was opened. */
    default DeviceSpeed speed() {
        return DeviceSpeed.UNKNOWN;
    }

    @Override
    void close();
}
