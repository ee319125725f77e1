package dev.juggler.tck;

import dev.juggler.kernel.Backend;

/** The kit needs nothing of a backend's memory but reading and writing. */
class RemoteConformanceTest extends BackendConformanceTest {
    @Override
    protected Backend openBackend() {
        return new RemoteBackend();
    }
}
