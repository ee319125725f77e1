package dev.juggler.tck;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Kernels;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.DynamicTest;

/** A backend under test, and how it is judged. */
final class Subject {
    private final Supplier<Backend> opener;
    private final Backend backend;
    private final BiFunction<Operation, DType, Tolerance> tolerances;
    private final long seed;
    private final AtomicInteger run = new AtomicInteger();
    private final AtomicInteger passed = new AtomicInteger();

    Subject(
            Supplier<Backend> opener,
            BiFunction<Operation, DType, Tolerance> tolerances,
            long seed) {
        this.opener = opener;
        this.backend = opener.get();
        this.tolerances = tolerances;
        this.seed = seed;
    }

    Backend backend() {
        return backend;
    }

    /** Opens the backend once more. */
    Backend another() {
        return opener.get();
    }

    Kernels kernels() {
        return backend.kernels();
    }

    Tolerance tolerance(Operation operation, DType dtype) {
        return tolerances.apply(operation, dtype);
    }

    int run() {
        return run.get();
    }

    int passed() {
        return passed.get();
    }

    /** A test whose random numbers depend on the seed and its name alone. */
    DynamicTest test(String name, Consumer<Trial> body) {
        return DynamicTest.dynamicTest(
                name,
                () -> {
                    run.incrementAndGet();
                    Random random = new Random(seed * 31 + name.hashCode());
                    try (Trial trial = new Trial(name, this, random)) {
                        body.accept(trial);
                    } catch (AssertionError | RuntimeException failure) {
                        throw new AssertionError(
                                "%s (repeat with -D%s=%d): %s"
                                        .formatted(
                                                name,
                                                BackendConformanceTest.SEED,
                                                seed,
                                                failure.getMessage()),
                                failure);
                    }
                    passed.incrementAndGet();
                });
    }
}
