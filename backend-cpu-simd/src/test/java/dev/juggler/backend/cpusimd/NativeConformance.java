package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.tck.BackendConformanceTest;
import dev.juggler.tck.Operation;
import dev.juggler.tck.Tolerance;

/** The conformance kit on native kernels, which round activations to 8 bits for some types. */
abstract class NativeConformance extends BackendConformanceTest {
    /**
     * Random weights make gated activations of very different sizes, which share a scale by 256;
     * their errors pass through the second product. A wrong row or expert is off by 1.
     */
    static final Tolerance TWO_PRODUCTS = new Tolerance(0.4, 0.08);

    /** Operands of attention over a cache that is not F32 are rounded to shorts. */
    private static final Tolerance SHORTS = new Tolerance(1.5e-3, 3e-4);

    private final String kernels;
    private final int threads;

    NativeConformance(String kernels, int threads) {
        this.kernels = kernels;
        this.threads = threads;
    }

    @Override
    protected Backend openBackend() {
        return Backends.openOrSkip(kernels, threads);
    }

    @Override
    protected Tolerance tolerance(Operation operation, DType dtype) {
        if (operation == Operation.ATTENTION && dtype != DType.F32) {
            return SHORTS;
        }
        return NativeKernels.quantized().contains(dtype)
                ? roundedActivations(operation, super.tolerance(operation, dtype))
                : super.tolerance(operation, dtype);
    }

    /** The tolerance where activations are rounded to 8 bits before products. */
    static Tolerance roundedActivations(Operation operation, Tolerance others) {
        return switch (operation) {
            case MATMUL, MATMUL_BY_EXPERT -> Tolerance.INT8_ACTIVATIONS;
            case FEED_FORWARD, EXPERTS, MIXTURE_OF_EXPERTS -> TWO_PRODUCTS;
            case PROJECT -> Tolerance.ROUNDED_AND_STORED;
            default -> others;
        };
    }
}
