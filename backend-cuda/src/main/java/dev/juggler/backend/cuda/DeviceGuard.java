package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverException;
import dev.juggler.kernel.DeviceFailedException;
import org.jspecify.annotations.Nullable;

/** Whether a device is still in order: the first error that the driver reports is the last. */
final class DeviceGuard {
    private final String device;
    private volatile @Nullable String problem;

    DeviceGuard(String device) {
        this.device = device;
    }

    String device() {
        return device;
    }

    boolean hasFailed() {
        return problem != null;
    }

    /**
     * @throws DeviceFailedException if it has failed before
     */
    void requireAlive() {
        String known = problem;
        if (known != null) {
            throw new DeviceFailedException(device, known);
        }
    }

    /** Remembers the failure; what it was is what everybody is told from now on. */
    DeviceFailedException failed(DriverException cause) {
        if (problem == null) {
            problem = String.valueOf(cause.getMessage());
        }
        DeviceFailedException failure =
                new DeviceFailedException(device, String.valueOf(cause.getMessage()));
        failure.initCause(cause);
        return failure;
    }
}
