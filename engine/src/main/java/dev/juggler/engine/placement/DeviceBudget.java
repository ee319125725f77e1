package dev.juggler.engine.placement;

import dev.juggler.kernel.MemoryInfo;

/**
 * What a device can give to a model.
 *
 * @param device its name
 * @param hostMemory whether it works in main memory; all such devices share it
 * @param memory its memory, free as things are now
 * @param bytesPerSecond how fast it reads weights, more than 0
 * @param operationsPerSecond additions and multiplications of a product of matrices, more than 0
 */
public record DeviceBudget(
        String device,
        boolean hostMemory,
        MemoryInfo memory,
        double bytesPerSecond,
        double operationsPerSecond) {
    /**
     * Operations that a processor does for each byte it can read: what is seen of processors with
     * wide vectors (16 to 60), to be on the safe side.
     */
    public static final double HOST_OPERATIONS_PER_BYTE = 20;

    /** The same of a device with memory of its own: graphics cards have 75 to 300 in 16 bits. */
    public static final double OWN_OPERATIONS_PER_BYTE = 100;

    public DeviceBudget {
        if (!(bytesPerSecond > 0) || !(operationsPerSecond > 0)) {
            throw new IllegalArgumentException(
                    "device %s reads %f bytes and does %f operations a second"
                            .formatted(device, bytesPerSecond, operationsPerSecond));
        }
    }

    /** A device of which only the bandwidth is known; operations go with it. */
    public DeviceBudget(
            String device, boolean hostMemory, MemoryInfo memory, double bytesPerSecond) {
        this(
                device,
                hostMemory,
                memory,
                bytesPerSecond,
                bytesPerSecond * (hostMemory ? HOST_OPERATIONS_PER_BYTE : OWN_OPERATIONS_PER_BYTE));
    }
}
