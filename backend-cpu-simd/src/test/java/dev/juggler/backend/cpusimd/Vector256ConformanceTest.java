package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.tck.BackendConformanceTest;

/** The conformance kit on vector loops of 256 bits. */
class Vector256ConformanceTest extends BackendConformanceTest {
    @Override
    protected Backend openBackend() {
        return Backends.open("vector", 256, 2);
    }
}
