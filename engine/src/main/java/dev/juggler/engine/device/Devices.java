package dev.juggler.engine.device;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.DeviceFailedException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The open devices of this process, by name. A device that has failed is put in quarantine: it is
 * not used any more. Closing them closes all. Safe for many threads.
 */
public final class Devices implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Devices.class);

    private final Map<String, Backend> byName = new LinkedHashMap<>();
    private final Map<String, String> failed = new ConcurrentSkipListMap<>();

    /**
     * @param backends open devices, the preferred one first
     * @throws IllegalArgumentException if two have the same name, or there is none
     */
    public Devices(List<? extends Backend> backends) {
        for (Backend backend : backends) {
            if (byName.put(backend.device(), backend) != null) {
                throw new IllegalArgumentException(
                        "two devices are called %s".formatted(backend.device()));
            }
        }
        if (byName.isEmpty()) {
            throw new IllegalArgumentException("at least one device must be open");
        }
    }

    /** Names of the devices that can be used, the preferred one first. */
    public Set<String> names() {
        Set<String> usable = new LinkedHashSet<>(byName.keySet());
        usable.removeAll(failed.keySet());
        return Collections.unmodifiableSet(usable);
    }

    /** All devices that can be used, the preferred one first. */
    public List<Backend> all() {
        return byName.values().stream()
                .filter(backend -> !failed.containsKey(backend.device()))
                .toList();
    }

    /** Devices that have failed, with the reason. */
    public Map<String, String> quarantined() {
        return Map.copyOf(failed);
    }

    /**
     * Uses a device no more.
     *
     * @return whether it was in use until now
     */
    public boolean quarantine(DeviceFailedException failure) {
        String device = failure.device();
        if (!byName.containsKey(device)) {
            return false;
        }
        boolean now = failed.putIfAbsent(device, String.valueOf(failure.getMessage())) == null;
        if (now) {
            LOG.error(
                    "{}; it is not used any more until this is started again",
                    failure.getMessage());
        }
        return now;
    }

    /**
     * A device.
     *
     * @throws BackendException if it is not open or has failed
     */
    public Backend get(String name) {
        @Nullable String failure = failed.get(name);
        if (failure != null) {
            throw new BackendException(failure);
        }
        @Nullable Backend backend = byName.get(name);
        if (backend == null) {
            throw new BackendException(
                    "device %s is not open; open are %s"
                            .formatted(name, String.join(", ", byName.keySet())));
        }
        return backend;
    }

    @Override
    public void close() {
        for (Backend backend : byName.values()) {
            try {
                backend.close();
            } catch (RuntimeException e) {
                if (!failed.containsKey(backend.device())) {
                    throw e;
                }
                LOG.debug("device {} cannot be closed", backend.device(), e);
            }
        }
    }
}
