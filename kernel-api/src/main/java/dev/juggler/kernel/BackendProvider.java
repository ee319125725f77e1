package dev.juggler.kernel;

import java.util.Set;
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
     * The modules of the JDK that the backend needs with these options and that a JVM has only
     * where its start asks for them: {@code jdk.incubator.vector}. Where one is missing, Juggler
     * starts its JVM anew with it before anything is probed or opened; so the provider itself must
     * load without. Cheap, has no side effects.
     *
     * @param options those that {@link #open} will get, for no device in particular
     * @throws BackendException if the options are not valid; {@link #open} then says so again
     */
    default Set<String> modules(BackendOptions options) {
        return Set.of();
    }

    /**
     * Opens one of the devices that the probe listed.
     *
     * @throws BackendException if it cannot be opened, naming the remedy
     */
    Backend open(BackendOptions options);
}
