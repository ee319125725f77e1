package dev.juggler.engine.device;

import dev.juggler.engine.placement.DeviceBudget;
import dev.juggler.engine.placement.Hardware;
import dev.juggler.engine.placement.HostBandwidth;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.DeviceSpeed;
import java.util.ArrayList;
import java.util.List;

/**
 * What the open devices can give: their free memory, and how fast they are. A device that knows its
 * speed is believed; main memory is measured.
 */
public final class MeasuredHardware {
    /** For a device with memory of its own that does not know its speed: a slow graphics card. */
    private static final double UNKNOWN_DEVICE = 300e9;

    private MeasuredHardware() {}

    /** Memory and speed of all devices; takes a fraction of a second. */
    public static Hardware of(Devices devices) {
        int threads = Runtime.getRuntime().availableProcessors();
        return of(devices, HostBandwidth.measure(threads).bytesPerSecond());
    }

    /**
     * The same, as far as it decides where weights go: where all devices work in main memory, their
     * speed does not, and it is not measured.
     */
    public static Hardware forLoading(Devices devices) {
        boolean same = devices.all().stream().allMatch(Backend::usesHostMemory);
        return same ? of(devices, 1) : of(devices);
    }

    private static Hardware of(Devices devices, double hostBytesPerSecond) {
        if (devices.names().isEmpty()) {
            throw new BackendException(
                    "no device is left, start this again: "
                            + String.join("; ", devices.quarantined().values()));
        }
        List<DeviceBudget> budgets = new ArrayList<>();
        double link = Double.MAX_VALUE;
        for (Backend backend : devices.all()) {
            DeviceSpeed speed = backend.speed();
            boolean host = backend.usesHostMemory();
            double bytes = host ? hostBytesPerSecond : UNKNOWN_DEVICE;
            bytes = speed.bytesPerSecond() > 0 ? speed.bytesPerSecond() : bytes;
            double perByte =
                    host
                            ? DeviceBudget.HOST_OPERATIONS_PER_BYTE
                            : DeviceBudget.OWN_OPERATIONS_PER_BYTE;
            double operations =
                    speed.operationsPerSecond() > 0 ? speed.operationsPerSecond() : bytes * perByte;
            budgets.add(
                    new DeviceBudget(backend.device(), host, backend.memory(), bytes, operations));
            if (!host && speed.linkBytesPerSecond() > 0) {
                link = Math.min(link, speed.linkBytesPerSecond());
            }
        }
        return new Hardware(budgets, link == Double.MAX_VALUE ? Hardware.USUAL_LINK : link);
    }
}
