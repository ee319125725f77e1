package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.tck.BackendConformanceTest;
import dev.juggler.tck.Operation;
import dev.juggler.tck.Tolerance;

/** The conformance kit on vector loops, which round activations to 8 bits for some types. */
abstract class VectorConformance extends BackendConformanceTest {
    private final int bits;

    VectorConformance(int bits) {
        this.bits = bits;
    }

    @Override
    protected Backend openBackend() {
        return Backends.open("vector", bits, 2);
    }

    @Override
    protected Tolerance tolerance(Operation operation, DType dtype) {
        return CodeFormat.types().contains(dtype)
                ? NativeConformance.roundedActivations(operation, super.tolerance(operation, dtype))
                : super.tolerance(operation, dtype);
    }
}
