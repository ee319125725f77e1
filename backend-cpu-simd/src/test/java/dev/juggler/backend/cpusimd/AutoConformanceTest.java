package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.tck.BackendConformanceTest;
import java.util.Map;

/**
 * The conformance kit on what a user gets who asks for exact results: loops that change their form
 * while they warm up.
 */
class AutoConformanceTest extends BackendConformanceTest {
    @Override
    protected Backend openBackend() {
        return new CpuSimdBackendProvider()
                .open(new BackendOptions("cpu", true, Map.of("threads", "3")));
    }
}
