package dev.juggler.backend.cuda;

import dev.juggler.kernel.Backend;
import dev.juggler.tck.BackendConformanceTest;

/** The conformance kit on the kernels' host build where nothing may be rounded. */
class ExactConformanceTest extends BackendConformanceTest {
    private final HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);

    @Override
    protected Backend openBackend() {
        return HostBackends.open(driver, 0, true);
    }
}
