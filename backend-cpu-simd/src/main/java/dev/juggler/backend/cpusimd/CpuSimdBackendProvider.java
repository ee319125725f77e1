package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.KernelApi;
import java.util.List;
import java.util.Set;
import org.pf4j.Extension;

/** Opens the processor as a device: vector kernels on all cores. */
@Extension
public final class CpuSimdBackendProvider implements BackendProvider {
    /** The backend's name in the configuration. */
    public static final String NAME = "cpu-simd";

    /** The one device. */
    static final String DEVICE = "cpu";

    private static final int SCORE = 100;

    public CpuSimdBackendProvider() {}

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int apiVersion() {
        return KernelApi.VERSION;
    }

    @Override
    public Availability probe() {
        KernelChoice best = KernelChoice.best(CpuSimdOptions.bestVectorBits());
        if (best.usesVectors() && !VectorModule.isLoaded()) {
            return new Availability.Unusable(
                    VectorModule.absence(best.description()), VectorModule.REMEDY);
        }
        int threads = Runtime.getRuntime().availableProcessors();
        String detail =
                "%d threads, %s%s".formatted(threads, best.description(), CpuFeatures.listed());
        return new Availability.Usable(SCORE, List.of(DEVICE), detail);
    }

    /** The Vector API, where kernels in Java serve; those in C do without it. */
    @Override
    public Set<String> modules(BackendOptions options) {
        return KernelChoice.of(CpuSimdOptions.of(options)).usesVectors()
                ? Set.of(VectorModule.NAME)
                : Set.of();
    }

    @Override
    public Backend open(BackendOptions options) {
        if (!options.device().equals(DEVICE)) {
            throw new BackendException(
                    "%s has no device \"%s\", only \"%s\""
                            .formatted(NAME, options.device(), DEVICE));
        }
        return new CpuSimdBackend(CpuSimdOptions.of(options), MemoryNodes.LINUX);
    }
}
