package dev.juggler.backend.cuda.driver;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * NVIDIA's libraries beside the driver: from the system, from the folder that {@code juggler
 * plugins install cuda-redist} fills, or from one that {@code JUGGLER_CUDA_LIBRARIES} names. One
 * that is loaded from there is found by name afterwards, as JCuda's own libraries look for it.
 */
public final class Libraries {
    /** Compiles kernels where none were built. */
    public static final String NVRTC = "libnvrtc.so.12";

    /** Multiplies matrices. */
    public static final String CUBLAS = "libcublas.so.12";

    /** What these look for by name when they are loaded or used. */
    private static final Map<String, String> COMPANIONS =
            Map.of(CUBLAS, "libcublasLt.so.12", NVRTC, "libnvrtc-builtins.so.12.6");

    private static final Logger LOG = LoggerFactory.getLogger(Libraries.class);
    private static final String FALLBACK = "/.cache/juggler/cuda-libraries";

    /** What gives it. */
    public static final String REMEDY =
            "install the CUDA 12 toolkit, or ./juggler plugins install cuda-redist";

    private Libraries() {}

    /** Where libraries are looked for that the system does not find. */
    private static Path folder() {
        String set = System.getenv("JUGGLER_CUDA_LIBRARIES");
        return Path.of(
                set != null && !set.isBlank() ? set : System.getProperty("user.home") + FALLBACK);
    }

    /** Whether a library is there; nothing is loaded that stays. */
    @SuppressWarnings("restricted") // finding native libraries is what this is for
    public static boolean isThere(String name) {
        if (Files.isRegularFile(folder().resolve(name))) {
            return true;
        }
        try (Arena arena = Arena.ofConfined()) {
            SymbolLookup.libraryLookup(name, arena);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /**
     * Loads a library for the rest of the process, with those that it needs.
     *
     * @return whether it is there
     */
    public static boolean load(String name) {
        if (isOnSystem(name)) {
            return true;
        }
        String companion = COMPANIONS.get(name);
        if (companion != null) {
            isInFolder(companion);
        }
        return isInFolder(name);
    }

    @SuppressWarnings("restricted") // finding native libraries is what this is for
    private static boolean isOnSystem(String name) {
        try {
            SymbolLookup.libraryLookup(name, Arena.global());
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    @SuppressWarnings("restricted") // finding native libraries is what this is for
    private static boolean isInFolder(String name) {
        Path file = folder().resolve(name);
        if (!Files.isRegularFile(file)) {
            return false;
        }
        try {
            SymbolLookup.libraryLookup(file, Arena.global());
            return true;
        } catch (IllegalArgumentException e) {
            LOG.warn("{} cannot be loaded: {}", file, e.getMessage());
            return false;
        }
    }
}
