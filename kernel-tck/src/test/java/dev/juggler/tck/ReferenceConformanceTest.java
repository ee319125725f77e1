package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.ReferenceBackendProvider;

/** The kit accepts the reference itself, so its cases are sound. */
class ReferenceConformanceTest extends BackendConformanceTest {
    @Override
    protected Backend openBackend() {
        return new ReferenceBackendProvider().open(BackendOptions.of(ReferenceBackend.DEVICE));
    }
}
