package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.tck.BackendConformanceTest;

/** The conformance kit on vector loops of 512 bits. */
class Vector512ConformanceTest extends BackendConformanceTest {
    @Override
    protected Backend openBackend() {
        return Backends.open("vector", 512, 2);
    }
}
