package dev.juggler.engine.placement;

import java.util.List;

/**
 * The devices of a machine, measured or assumed, and what connects them.
 *
 * @param devices at least one, the preferred one first
 * @param linkBytesPerSecond how fast activations and weights move between main memory and a device
 *     with memory of its own, more than 0
 */
public record Hardware(List<DeviceBudget> devices, double linkBytesPerSecond) {
    /** What a link is taken for of which nothing is known: PCIe 4.0 with 16 lanes. */
    public static final double USUAL_LINK = 25e9;

    /** Seconds that a copy between memories takes besides moving the bytes. */
    public static final double LINK_LATENCY = 10e-6;

    public Hardware {
        devices = List.copyOf(devices);
        if (devices.isEmpty() || !(linkBytesPerSecond > 0)) {
            throw new IllegalArgumentException(
                    "%d devices with a link of %f bytes a second"
                            .formatted(devices.size(), linkBytesPerSecond));
        }
    }

    /** Names of the devices, the preferred one first. */
    public List<String> names() {
        return devices.stream().map(DeviceBudget::device).toList();
    }

    /**
     * The device of this name.
     *
     * @throws IllegalArgumentException if there is none
     */
    DeviceBudget device(String name) {
        return devices.stream()
                .filter(device -> device.device().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "there is no budget for device %s, only for %s"
                                        .formatted(name, names())));
    }

    /** Whether the device of this name works in main memory. */
    public boolean isHost(String name) {
        return device(name).hostMemory();
    }

    /** Devices that work in main memory, the preferred one first. */
    List<DeviceBudget> hosts() {
        return devices.stream().filter(DeviceBudget::hostMemory).toList();
    }

    /**
     * Devices with memory of their own that {@code auto} may fill: none where a device in main
     * memory is preferred, and none that reads no faster than main memory is read.
     */
    List<DeviceBudget> accelerators() {
        if (devices.getFirst().hostMemory()) {
            return List.of();
        }
        double host = hosts().isEmpty() ? 0 : hosts().getFirst().bytesPerSecond();
        return devices.stream()
                .filter(device -> !device.hostMemory() && device.bytesPerSecond() > host)
                .toList();
    }

    /** Devices with memory of their own that read no faster than main memory is read. */
    List<DeviceBudget> slowAccelerators() {
        List<DeviceBudget> fast = accelerators();
        return devices.getFirst().hostMemory()
                ? List.of()
                : devices.stream()
                        .filter(device -> !device.hostMemory() && !fast.contains(device))
                        .toList();
    }

    /** A number for the memory that a device works in; devices in main memory have the same. */
    int memory(String name) {
        return device(name).hostMemory() ? -1 : names().indexOf(name);
    }
}
