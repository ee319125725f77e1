package dev.juggler.backend.cuda;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.tck.BackendConformanceTest;
import dev.juggler.tck.Operation;
import dev.juggler.tck.Tolerance;

/** The conformance kit on the kernels' host build, as users run them. */
class CudaConformanceTest extends BackendConformanceTest {
    /** The error of a rounded product passes through a second one; a wrong row is off by 1. */
    static final Tolerance TWO_PRODUCTS = new Tolerance(0.4, 0.08);

    private final HostDriver driver = HostBackends.driver(1, HostBackends.MEMORY);

    @Override
    protected Backend openBackend() {
        return HostBackends.open(driver, 0, false);
    }

    @Override
    protected Tolerance tolerance(Operation operation, DType dtype) {
        return switch (operation) {
            case MATMUL, MATMUL_BY_EXPERT, MATMUL_BY_HEAD ->
                    switch (dtype) {
                        case F32 -> Tolerance.F32;
                        case F16, BF16 -> Tolerance.BF16_ACTIVATIONS;
                        default -> Tolerance.INT8_ACTIVATIONS;
                    };
            case FEED_FORWARD, EXPERTS, MIXTURE_OF_EXPERTS ->
                    dtype == DType.F32 ? Tolerance.F32 : TWO_PRODUCTS;
            default -> super.tolerance(operation, dtype);
        };
    }
}
