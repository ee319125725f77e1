package dev.juggler.benchmarks;

import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.ReferenceBackendProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** Finds the backend to measure. */
final class Backends {
    /** Asks for the usable backend with the highest score. */
    static final String BEST = "best";

    private Backends() {}

    /**
     * Opens the first device of a backend.
     *
     * @param name {@link #BEST}, the name of a backend that {@link ServiceLoader} finds, or the
     *     class name of a provider
     * @throws BackendException if there is none, or it is not usable here
     */
    static Backend open(String name) {
        BackendProvider provider = name.contains(".") ? ofClass(name) : ofName(name);
        return switch (provider.probe()) {
            case Availability.Usable usable ->
                    provider.open(BackendOptions.of(usable.devices().getFirst()));
            case Availability.Unusable unusable ->
                    throw new BackendException(
                            "%s is not usable here: %s %s"
                                    .formatted(
                                            provider.name(), unusable.reason(), unusable.remedy()));
        };
    }

    private static BackendProvider ofClass(String name) {
        try {
            return Class.forName(name)
                    .asSubclass(BackendProvider.class)
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException | ClassCastException e) {
            throw new BackendException(name + " is not a backend provider on the class path", e);
        }
    }

    private static BackendProvider ofName(String name) {
        List<BackendProvider> found = new ArrayList<>();
        ServiceLoader.load(BackendProvider.class).forEach(found::add);
        found.add(new ReferenceBackendProvider());
        BackendProvider best = null;
        for (BackendProvider provider : found) {
            boolean fits = name.equals(BEST) || name.equals(provider.name());
            if (fits && (best == null || score(provider) > score(best))) {
                best = provider;
            }
        }
        if (best == null) {
            throw new BackendException(
                    "no backend is named %s; found %s"
                            .formatted(name, found.stream().map(BackendProvider::name).toList()));
        }
        return best;
    }

    private static int score(BackendProvider provider) {
        return provider.probe() instanceof Availability.Usable usable ? usable.score() : -1;
    }
}
