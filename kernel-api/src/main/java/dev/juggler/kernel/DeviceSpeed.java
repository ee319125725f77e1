package dev.juggler.kernel;

/**
 * How fast a device is, as far as it knows; 0 stands for what it does not know.
 *
 * @param bytesPerSecond how fast it reads its memory
 * @param operationsPerSecond additions and multiplications of a product of matrices
 * @param linkBytesPerSecond how fast bytes move between main memory and its own
 */
public record DeviceSpeed(
        double bytesPerSecond, double operationsPerSecond, double linkBytesPerSecond) {
    /** Nothing is known. */
    public static final DeviceSpeed UNKNOWN = new DeviceSpeed(0, 0, 0);
}
