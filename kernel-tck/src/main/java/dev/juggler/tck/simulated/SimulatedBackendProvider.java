package dev.juggler.tck.simulated;

import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.DeviceSpeed;
import dev.juggler.kernel.KernelApi;
import java.util.List;

/**
 * Two simulated devices, {@code sim:0} and {@code sim:1}, as a plugin brings them. Keys under
 * {@code juggler.backend.sim}: {@code memory-mib} (64), {@code link-gigabytes} a second (25),
 * {@code fail-after} operations (never).
 */
public final class SimulatedBackendProvider implements BackendProvider {
    private static final List<String> DEVICES = List.of("sim:0", "sim:1");
    private static final int USUAL_MEMORY = 64;
    private static final int USUAL_LINK = 25;
    private static final double BYTES_PER_SECOND = 1e12;

    @Override
    public String name() {
        return "sim";
    }

    @Override
    public int apiVersion() {
        return KernelApi.VERSION;
    }

    @Override
    public Availability probe() {
        return new Availability.Usable(1000, DEVICES, "simulated devices, for tests");
    }

    @Override
    public Backend open(BackendOptions options) {
        if (!DEVICES.contains(options.device())) {
            throw new BackendException(
                    "the simulated backend has no device %s, only %s"
                            .formatted(options.device(), String.join(", ", DEVICES)));
        }
        int most = Integer.MAX_VALUE;
        long memory = options.number("memory-mib", USUAL_MEMORY, 1, most);
        int link = options.number("link-gigabytes", USUAL_LINK, 1, most);
        DeviceSpeed speed = new DeviceSpeed(BYTES_PER_SECOND, 100 * BYTES_PER_SECOND, link * 1e9);
        return new SimulatedDevice(options.device())
                .withMemory(memory << 20)
                .withSpeed(speed)
                .failingAfter(options.number("fail-after", most, 0, most));
    }
}
