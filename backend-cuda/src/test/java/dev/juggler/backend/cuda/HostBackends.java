package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverSource;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import java.util.List;
import java.util.Map;

/** Opens the backend on emulated devices. */
final class HostBackends {
    static final long MEMORY = 1L << 30;

    private HostBackends() {}

    static HostDriver driver(int devices, long memory) {
        return new HostDriver(HostLibrary.require(), devices, memory);
    }

    static CudaBackendProvider provider(HostDriver driver) {
        KernelImage image = new KernelImage(new byte[1], "built for the host");
        return new CudaBackendProvider(
                () -> new DriverSource.Found(driver), device -> List.of(() -> image));
    }

    static CudaBackend open(HostDriver driver, int ordinal, boolean exact) {
        return open(driver, ordinal, exact, "own");
    }

    /**
     * @param gemm who multiplies matrices of many rows
     */
    static CudaBackend open(HostDriver driver, int ordinal, boolean exact, String gemm) {
        Backend backend =
                provider(driver)
                        .open(
                                new BackendOptions(
                                        "cuda:" + ordinal,
                                        exact,
                                        Map.of("memory-reserve", "1MiB", "gemm", gemm)));
        return (CudaBackend) backend;
    }
}
