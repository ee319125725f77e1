package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.NativeKernels.TilePrecision;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The backend's options, as {@code reference.conf} documents them.
 *
 * @param threads how many work at once
 * @param vectorBits width of the vectors
 * @param tiles what tile registers multiply, where they do
 * @param exact whether activations stay F32
 * @param numa how weights lie on the machine's memory nodes
 * @param pin whether each worker has a processor of its own
 */
record CpuSimdOptions(
        int threads,
        int vectorBits,
        KernelSet kernels,
        TilePrecision tiles,
        boolean exact,
        NumaMemory.Layout numa,
        boolean pin) {
    private static final int MOST_THREADS = 1024;
    private static final List<String> KEYS =
            List.of(
                    "threads",
                    "vector-bits",
                    "kernels",
                    "amx-precision",
                    "activations",
                    "numa",
                    "pin");
    private static final List<String> WIDTHS = List.of("128", "256", "512");

    /** Which kernels do the work. */
    enum KernelSet {
        /**
         * The best native set, or without one vector loops, and scalar ones until those are
         * compiled.
         */
        AUTO,
        /** Native kernels with AMX. */
        AMX,
        /** Native kernels with AVX-512 VNNI. */
        AVX512,
        /** Native kernels with AVX2. */
        AVX2,
        /** Native kernels with NEON, and with dot products where the processor has them. */
        NEON,
        /** Vector loops from the first call. */
        VECTOR,
        /** The definition of every operation, in one thread. */
        REFERENCE
    }

    /**
     * Reads the options.
     *
     * @throws BackendException naming the key, the value and what is allowed
     */
    static CpuSimdOptions of(BackendOptions options) {
        for (String key : options.values().keySet()) {
            if (!KEYS.contains(key)) {
                throw new BackendException(
                        "option %s of backend %s is unknown; known are %s"
                                .formatted(key, CpuSimdBackendProvider.NAME, KEYS));
            }
        }
        int cores = Runtime.getRuntime().availableProcessors();
        String width = choice(options, "vector-bits", WIDTHS);
        String kernels =
                choice(
                        options,
                        "kernels",
                        List.of("amx", "avx512", "avx2", "neon", "vector", "reference"));
        String tiles = choice(options, "amx-precision", List.of("bf16", "int8"));
        String activations = choice(options, "activations", List.of("f32"));
        return new CpuSimdOptions(
                options.number("threads", cores, 1, MOST_THREADS),
                width.equals("auto") ? bestVectorBits() : Integer.parseInt(width),
                KernelSet.valueOf(kernels.toUpperCase(Locale.ROOT)),
                tiles.equals("int8") ? TilePrecision.INT8 : TilePrecision.BF16,
                options.exact() || activations.equals("f32"),
                NumaMemory.Layout.valueOf(
                        oneOf(options, "numa", List.of("off", "interleave", "shard"))
                                .toUpperCase(Locale.ROOT)),
                oneOf(options, "pin", List.of("false", "true")).equals("true"));
    }

    /** The widest vectors that the processor has, of those that the kernels are made for. */
    static int bestVectorBits() {
        int[] widths = {512, 256, 128};
        int preferred = VectorModule.preferredBits();
        return Arrays.stream(widths).filter(bits -> bits <= preferred).findFirst().orElse(128);
    }

    /** One of a few words, the first where none is given. */
    private static String oneOf(BackendOptions options, String key, List<String> allowed) {
        String value = options.text(key, allowed.getFirst());
        if (!allowed.contains(value)) {
            throw new BackendException(
                    "option %s = \"%s\" is not one of %s".formatted(key, value, allowed));
        }
        return value;
    }

    private static String choice(BackendOptions options, String key, List<String> allowed) {
        String value = options.text(key, "auto");
        if (!value.equals("auto") && !allowed.contains(value)) {
            throw new BackendException(
                    "option %s = \"%s\" is not \"auto\" nor one of %s"
                            .formatted(key, value, allowed));
        }
        return value;
    }
}
