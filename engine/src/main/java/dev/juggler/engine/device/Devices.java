package dev.juggler.engine.device;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The open devices of this process, by name. Closing them closes all. */
public final class Devices implements AutoCloseable {
    private final Map<String, Backend> byName = new LinkedHashMap<>();

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

    /** Names of the open devices, the preferred one first. */
    public Set<String> names() {
        return Collections.unmodifiableSet(byName.keySet());
    }

    /** All open devices. */
    public List<Backend> all() {
        return List.copyOf(byName.values());
    }

    /**
     * A device.
     *
     * @throws BackendException if it is not open
     */
    public Backend get(String name) {
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
        byName.values().forEach(Backend::close);
    }
}
