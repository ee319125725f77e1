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

    /**
     * Begins to copy host memory to a buffer of this device, and returns before it is done where
     * the device can copy while it computes. The copy begins once all that was enqueued before is
     * done, so that it overwrites nothing that is still read; what is enqueued afterwards does not
     * wait for it and must not touch these bytes before {@link Transfer#join}.
     *
     * <p>The default copies at once.
     *
     * @param source stays as it is, and mapped, until the transfer is done
     * @throws IndexOutOfBoundsException if the range is not inside the buffer
     */
    default Transfer upload(Buffer target, long offset, MemorySegment source) {
        target.write(offset, source);
        return Transfer.DONE;
    }

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
