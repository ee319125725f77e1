package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/**
 * What every backend must pass. A backend's own tests extend this class and say how to open it;
 * nothing else is needed:
 *
 * <pre>{@code
 * class AcmeConformanceTest extends BackendConformanceTest {
 *     @Override
 *     protected Backend openBackend() {
 *         return new AcmeBackendProvider().open(BackendOptions.of("acme:0"));
 *     }
 * }
 * }</pre>
 *
 * <p>Every operation is compared with {@link dev.juggler.kernel.ReferenceKernels} on random content
 * that is new in each run, in every type that the backend lists, at awkward sizes; outputs are
 * poisoned before and guarded around, inputs must stay as they are, and a repeated call must give
 * the same bits. Memory is reached through {@link dev.juggler.kernel.Buffer#read} and {@code write}
 * alone. A failure prints the seed that repeats it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendConformanceTest {
    /** System property that fixes the seed of the random content. */
    public static final String SEED = "juggler.tck.seed";

    private @Nullable Subject subject;

    /** Opens the backend; called more than once. What it returns is closed by the kit. */
    protected abstract Backend openBackend();

    /**
     * How far a result may be from the reference; for a backend that computes in F32 unless
     * overridden. Keys and values that are stored in fewer bits may differ in the last one.
     *
     * @param operation what is computed
     * @param dtype type of the weight or of the cache, F32 for operations that have neither
     */
    protected Tolerance tolerance(Operation operation, DType dtype) {
        return Limits.EXACT.of(operation, dtype);
    }

    @BeforeAll
    final void open() {
        String fixed = System.getProperty(SEED);
        long seed = fixed == null ? System.nanoTime() : Long.parseLong(fixed);
        subject = new Subject(this::openBackend, this::tolerance, seed);
    }

    @AfterAll
    final void close() {
        Subject tested = subject;
        if (tested == null) { // it could not be opened, or is not for this machine
            return;
        }
        System.out.printf(
                "conformance of %s (%s): %d cases run, %d passed%n",
                tested.backend().device(),
                tested.backend().description(),
                tested.run(),
                tested.passed());
        tested.backend().close();
    }

    @Test
    final void namesItselfAndItsTypes() {
        Backend backend = subject().backend();
        Assertions.assertFalse(backend.device().isBlank(), "a backend has a device name");
        Assertions.assertFalse(backend.description().isBlank(), "a backend describes itself");
        Assertions.assertTrue(
                backend.kernels().weightTypes().contains(DType.F32),
                "norms and routers are F32, so every backend multiplies F32 weights");
        Assertions.assertFalse(
                backend.kernels().kvTypes().isEmpty(), "a backend stores keys and values");
        backend.synchronize();
    }

    @TestFactory
    final List<DynamicTest> memory() {
        return MemoryChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> matrixProducts() {
        return MatmulChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> experts() {
        return ExpertChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> heads() {
        return HeadChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> routing() {
        return RoutingChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> rows() {
        return RowChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> attention() {
        return AttentionChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> fusedSteps() {
        return FusedChecks.of(subject());
    }

    @TestFactory
    final List<DynamicTest> refusals() {
        return RefusalChecks.of(subject());
    }

    private Subject subject() {
        return Objects.requireNonNull(subject, "opened before the first test");
    }
}
