package dev.juggler.kernel;

import java.util.List;

/** Offers {@link ReferenceBackend}; it can always run and nothing scores less. */
public final class ReferenceBackendProvider implements BackendProvider {
    @Override
    public String name() {
        return ReferenceBackend.DEVICE;
    }

    @Override
    public int apiVersion() {
        return KernelApi.VERSION;
    }

    @Override
    public Availability probe() {
        return new Availability.Usable(
                0, List.of(ReferenceBackend.DEVICE), "plain loops, exact and slow");
    }

    @Override
    public Backend open(BackendOptions options) {
        if (!options.device().equals(ReferenceBackend.DEVICE)) {
            throw new BackendException(
                    "the reference backend has no device %s, only %s"
                            .formatted(options.device(), ReferenceBackend.DEVICE));
        }
        return new ReferenceBackend();
    }
}
