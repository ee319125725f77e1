package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Availability;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.BackendProvider;
import dev.juggler.kernel.KernelApi;
import java.util.List;
import org.pf4j.Extension;

/** Opens the processor as a device: vector kernels on all cores. */
@Extension
public final class CpuSimdBackendProvider implements BackendProvider {
    /** The backend's name in the configuration. */
    public static final String NAME = "cpu-simd";

    /** The one device. */
    static final String DEVICE = "cpu";

    private static final int SCORE = 100;
    private static final String VECTOR_MODULE = "jdk.incubator.vector";

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
        if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
            return new Availability.Unusable(
                    "the module " + VECTOR_MODULE + " is not loaded",
                    "start Java with --add-modules " + VECTOR_MODULE);
        }
        int threads = Runtime.getRuntime().availableProcessors();
        String detail =
                "%d threads, %s%s"
                        .formatted(
                                threads,
                                KernelChoice.best(CpuSimdOptions.bestVectorBits()).description(),
                                CpuFeatures.listed());
        return new Availability.Usable(SCORE, List.of(DEVICE), detail);
    }

    @Override
    public Backend open(BackendOptions options) {
        if (!options.device().equals(DEVICE)) {
            throw new BackendException(
                    "%s has no device \"%s\", only \"%s\""
                            .formatted(NAME, options.device(), DEVICE));
        }
        if (probe() instanceof Availability.Unusable unusable) {
            throw new BackendException(unusable.reason() + "; " + unusable.remedy());
        }
        return new CpuSimdBackend(CpuSimdOptions.of(options), MemoryNodes.LINUX);
    }
}
