package dev.juggler.kernel;

import org.pf4j.ExtensionPoint;

/**
 * The extension point of backend plugins. A provider is created with its no-argument constructor
 * when its plugin starts; it must do no work there.
 */
public interface BackendProvider extends ExtensionPoint {
    /** Name of the backend in the configuration ({@code juggler.backend.NAME}) and in tables. */
    String name();

    /** The {@link KernelApi#VERSION} that the plugin was compiled against. */
    int apiVersion();

    /** Whether the backend can run here. Cheap, has no side effects, never throws. */
    Availability probe();

    /**
     * Opens one of the devices that the probe listed.
     *
     * @throws BackendException if it cannot be opened, naming the remedy
     */
    Backend open(BackendOptions options);
}
