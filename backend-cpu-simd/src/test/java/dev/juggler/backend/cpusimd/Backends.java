package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import org.opentest4j.TestAbortedException;

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

    /** Opens it with F32 activations and whatever kernels serve those best. */
    static Backend openExact(int vectorBits, int threads) {
        return new CpuSimdBackendProvider()
                .open(
                        new BackendOptions(
                                "cpu",
                                true,
                                Map.of(
                                        "vector-bits",
                                        Integer.toString(vectorBits),
                                        "threads",
                                        Integer.toString(threads))));
    }

    /** Opens some kernels with F32 activations. */
    static Backend openExact(String kernels, int threads) {
        return new CpuSimdBackendProvider()
                .open(
                        new BackendOptions(
                                "cpu",
                                true,
                                Map.of("kernels", kernels, "threads", Integer.toString(threads))));
    }

    /**
     * Opens native kernels, or skips the test, and says so, where this machine has none of them.
     */
    static Backend openOrSkip(String kernels, int threads) {
        boolean there =
                NativeLibrary.find()
                        .map(library ->
                                kernels.equals("auto")
                                        ? library.best().isPresent()
                                        : library.runs(set(kernels)))
                        .orElse(false);
        if (!there) {
            String skipped = "skipped: no native kernels %s here".formatted(kernels);
            System.out.println(skipped + "; " + NativeLibrary.reason());
            throw new TestAbortedException(skipped);
        }
        return open(kernels, 256, threads);
    }

    /**
     * The best native kernels that give a row the same bits however many rows there are, which
     * tiles do not; auto where there are none.
     */
    static String bestWithoutTiles() {
        String best = "auto";
        for (NativeLibrary.Set set : EnumSet.complementOf(EnumSet.of(NativeLibrary.Set.AMX))) {
            if (NativeLibrary.find().map(library -> library.runs(set)).orElse(false)) {
                best = set.key();
            }
        }
        return best;
    }

    private static NativeLibrary.Set set(String kernels) {
        return NativeLibrary.Set.valueOf(kernels.toUpperCase(Locale.ROOT));
    }
}
