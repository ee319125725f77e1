package dev.juggler.backend.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import org.jspecify.annotations.Nullable;

/**
 * NVIDIA's driver, where this machine has it. JCuda's classes are not touched before its library is
 * found: without it they would unpack and fail to load their own, which takes time and is told on
 * the console.
 */
final class InstalledDriver implements DriverSource {
    private static final String LIBRARY = "libcuda.so.1";

    private @Nullable Result result;

    @Override
    public synchronized Result find() {
        if (result == null) {
            result = look();
        }
        return result;
    }

    @SuppressWarnings("restricted") // finding native libraries is what this is for
    private static Result look() {
        String system = System.getProperty("os.name") + " on " + System.getProperty("os.arch");
        if (!system.equals("Linux on amd64")) {
            return new Missing("there is no build for " + system, "Linux on x86-64 is needed");
        }
        try (Arena arena = Arena.ofConfined()) {
            SymbolLookup.libraryLookup(LIBRARY, arena);
        } catch (IllegalArgumentException e) {
            return new Missing(
                    LIBRARY + " not found",
                    "install NVIDIA's driver; in a container, start it with --gpus all");
        }
        try {
            return new Found(JCudaDriver.load());
        } catch (DriverException e) {
            return new Missing(
                    "the driver does not start: " + e.getMessage(),
                    "see nvidia-smi; after an update of the driver the machine must be restarted");
        } catch (LinkageError e) {
            return new Missing(
                    "JCuda cannot be loaded: " + e.getMessage(),
                    "is the folder for temporary files (%s) writable, and may it hold programs?"
                            .formatted(System.getProperty("java.io.tmpdir")));
        }
    }
}
