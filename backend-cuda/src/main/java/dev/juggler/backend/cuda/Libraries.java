package dev.juggler.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * NVIDIA's libraries beside the driver: from the system, or from a folder that the user names. One
 * that is loaded from there is found by name afterwards, as JCuda's own libraries look for it.
 */
final class Libraries {
    /** Compiles kernels where none were built. */
    static final String NVRTC = "libnvrtc.so.12";

    private static final String FALLBACK = "/.cache/juggler/cuda-libraries";

    /** What gives it. */
    static final String REMEDY = "install the CUDA 12 toolkit";

    private Libraries() {}

    /** Where libraries are looked for that the system does not find. */
    private static Path folder() {
        String set = System.getenv("JUGGLER_CUDA_LIBRARIES");
        return Path.of(
                set != null && !set.isBlank() ? set : System.getProperty("user.home") + FALLBACK);
    }

    /** Whether a library is there; nothing is loaded that stays. */
    @SuppressWarnings("restricted") // finding native libraries is what this is for
    static boolean isThere(String name) {
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
    static boolean load(String name) {
        return open(name);
    }

    @SuppressWarnings("restricted") // finding native libraries is what this is for
    private static boolean open(String name) {
        try {
            SymbolLookup.libraryLookup(name, Arena.global());
            return true;
        } catch (IllegalArgumentException e) {
            Path file = folder().resolve(name);
            if (!Files.isRegularFile(file)) {
                return false;
            }
            try {
                SymbolLookup.libraryLookup(file, Arena.global());
                return true;
            } catch (IllegalArgumentException broken) {
                return false;
            }
        }
    }
}
