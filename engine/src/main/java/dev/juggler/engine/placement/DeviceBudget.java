package dev.juggler.engine.placement;

import dev.juggler.kernel.MemoryInfo;

/**
 * What a device can give to a model.
 *
 * @param device its name
 * @param hostMemory whether it works in main memory; all such devices share it
 * @param memory its memory, free as things are now
 * @param bytesPerSecond how fast it reads weights, more than 0
 */
public record DeviceBudget(
        String device, boolean hostMemory, MemoryInfo memory, double bytesPerSecond) {
    public DeviceBudget {
        if (!(bytesPerSecond > 0)) {
            throw new IllegalArgumentException(
                    "device %s reads %f bytes a second".formatted(device, bytesPerSecond));
        }
    }
}
