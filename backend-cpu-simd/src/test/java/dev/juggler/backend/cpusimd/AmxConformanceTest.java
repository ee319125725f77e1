package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.tck.Operation;
import dev.juggler.tck.Tolerance;

/** The conformance kit on the native kernels for AMX, whose tiles also round BF16's activations. */
class AmxConformanceTest extends NativeConformance {
    AmxConformanceTest() {
        super("amx", 2);
    }

    @Override
    protected Tolerance tolerance(Operation operation, DType dtype) {
        if (dtype != DType.BF16) {
            return super.tolerance(operation, dtype);
        }
        return switch (operation) {
            case MATMUL, MATMUL_BY_EXPERT -> Tolerance.BF16_ACTIVATIONS;
            case FEED_FORWARD, EXPERTS, MIXTURE_OF_EXPERTS -> TWO_PRODUCTS;
            case PROJECT -> Tolerance.ROUNDED_AND_STORED;
            default -> super.tolerance(operation, dtype);
        };
    }
}
