package dev.juggler.backend.cuda;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.tck.BackendConformanceTest;
import dev.juggler.tck.Limits;
import dev.juggler.tck.Operation;
import dev.juggler.tck.Tolerance;

/** The conformance kit on the kernels' host build, as users run them. */
class CudaConformanceTest extends BackendConformanceTest {
    private final HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);

    @Override
    protected Backend openBackend() {
        return HostBackends.open(driver, 0, false);
    }

    @Override
    protected Tolerance tolerance(Operation operation, DType dtype) {
        return Limits.ROUNDED.of(operation, dtype);
    }
}
