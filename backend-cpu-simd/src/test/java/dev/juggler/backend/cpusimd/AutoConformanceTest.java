package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.tck.BackendConformanceTest;

/** The conformance kit on what a user gets: loops that change their form while they warm up. */
class AutoConformanceTest extends BackendConformanceTest {
    @Override
    protected Backend openBackend() {
        return Backends.open("auto", 256, 3);
    }
}
