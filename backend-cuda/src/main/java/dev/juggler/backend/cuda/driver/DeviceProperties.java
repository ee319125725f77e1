package dev.juggler.backend.cuda.driver;

/**
 * What a device is.
 *
 * @param name as its maker calls it
 * @param memory bytes in total
 * @param major first number of its compute capability
 * @param minor second number of it
 * @param multiprocessors how many it has
 * @param sharedBytes shared memory that a block can have at most
 * @param memoryBytesPerSecond what its memory clock and bus allow at most, 0 where it does not say
 * @param clock of the multiprocessors, in Hz, 0 where it does not say
 */
public record DeviceProperties(
        String name,
        long memory,
        int major,
        int minor,
        int multiprocessors,
        int sharedBytes,
        double memoryBytesPerSecond,
        double clock) {
    /** Its architecture as compilers call it: {@code 90} for capability 9.0. */
    public int architecture() {
        return major * 10 + minor;
    }
}
