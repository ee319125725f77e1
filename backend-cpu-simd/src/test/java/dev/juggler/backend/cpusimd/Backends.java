package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import java.util.Map;

/** Opens the backend with options of a test. */
final class Backends {
    private Backends() {}

    static Backend open(String kernels, int vectorBits, int threads) {
        return new CpuSimdBackendProvider()
                .open(
                        BackendOptions.of(
                                "cpu",
                                Map.of(
                                        "kernels",
                                        kernels,
                                        "vector-bits",
                                        Integer.toString(vectorBits),
                                        "threads",
                                        Integer.toString(threads))));
    }
}
