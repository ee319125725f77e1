package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.BackendException;
import jdk.incubator.vector.FloatVector;

/**
 * The JDK's module of the Vector API. It incubates, so a JVM has it only where its start asks for
 * it; native kernels do without.
 */
final class VectorModule {
    static final String NAME = "jdk.incubator.vector";

    /** What to do where it is not loaded. */
    static final String REMEDY =
            "start through ./juggler, which adds it by itself, or give java --add-modules " + NAME;

    /** What vectors are taken to be where nobody can tell: kernels then do not use them. */
    private static final int UNKNOWN_BITS = 256;

    private VectorModule() {}

    static boolean isLoaded() {
        return ModuleLayer.boot().findModule(NAME).isPresent();
    }

    /** Width of the vectors that the processor likes best. */
    static int preferredBits() {
        return isLoaded() ? Species.preferredBits() : UNKNOWN_BITS;
    }

    /** Why kernels cannot serve that need the module. */
    static String absence(String kernels) {
        return "the module %s is not loaded, which these need: %s".formatted(NAME, kernels);
    }

    /**
     * Passes where the chosen kernels have what they need.
     *
     * @throws BackendException if they need the module and it is not loaded
     */
    static void require(KernelChoice choice) {
        if (choice.usesVectors() && !isLoaded()) {
            throw new BackendException(absence(choice.description()) + "; " + REMEDY);
        }
    }

    /** Loaded only where the module is. */
    private static final class Species {
        static int preferredBits() {
            return FloatVector.SPECIES_PREFERRED.vectorBitSize();
        }
    }
}
