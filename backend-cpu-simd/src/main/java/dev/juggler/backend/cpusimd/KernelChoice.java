package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.BackendException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which kernels multiply matrices, and why those.
 *
 * @param set the native set, or null for kernels in Java
 * @param usesVectors whether they run on the Vector API
 * @param description what was chosen, for people; with the reason where it is not the best
 */
record KernelChoice(NativeLibrary.@Nullable Set set, boolean usesVectors, String description) {

    /**
     * The choice that options make.
     *
     * @throws BackendException if they name a set that is not there
     */
    static KernelChoice of(CpuSimdOptions options) {
        return switch (options.kernels()) {
            case REFERENCE -> new KernelChoice(null, false, "reference kernels");
            case VECTOR -> new KernelChoice(null, true, vector(options.vectorBits()));
            case AUTO -> best(options.vectorBits());
            case AMX -> named(NativeLibrary.Set.AMX);
            case AVX512 -> named(NativeLibrary.Set.AVX512);
            case AVX2 -> named(NativeLibrary.Set.AVX2);
            case NEON -> named(NativeLibrary.Set.NEON);
        };
    }

    /** The best kernels that this machine can run. */
    static KernelChoice best(int vectorBits) {
        Optional<NativeLibrary> library = NativeLibrary.find();
        if (library.isEmpty()) {
            return new KernelChoice(null, true, vector(vectorBits) + ": " + NativeLibrary.reason());
        }
        return library.get()
                .best()
                .map(set ->
                        new KernelChoice(
                                set,
                                false,
                                "native kernels " + library.get().description(set) + withheld(set)))
                .orElseGet(() ->
                        new KernelChoice(
                                null,
                                true,
                                vector(vectorBits)
                                        + ": this processor runs none of the native"
                                        + " sets"));
    }

    private static KernelChoice named(NativeLibrary.Set set) {
        Optional<NativeLibrary> library = NativeLibrary.find();
        if (library.isPresent() && library.get().runs(set)) {
            return new KernelChoice(set, false, "native kernels " + library.get().description(set));
        }
        String reason = library.isEmpty() ? NativeLibrary.reason() : absence(library.get(), set);
        List<String> there =
                Stream.concat(
                                Arrays.stream(NativeLibrary.Set.values())
                                        .filter(each ->
                                                library.map(l -> l.runs(each)).orElse(false))
                                        .map(NativeLibrary.Set::key),
                                Stream.of("vector", "reference"))
                        .toList();
        throw new BackendException(
                "option kernels = \"%s\" cannot be had: %s; there is %s, or auto for the best"
                        .formatted(set.key(), reason, String.join(", ", there)));
    }

    /** Why a set does not run. */
    private static String absence(NativeLibrary library, NativeLibrary.Set set) {
        if (!library.isCompiled(set)) {
            return "it was not compiled: it is for another kind of processor, or the C compiler does"
                    + " not know it";
        }
        if (!library.isWithheld(set)) {
            return "this processor lacks it";
        }
        return set == NativeLibrary.Set.AMX
                ? "this processor has it, but the operating system does not grant its tile"
                        + " registers (Linux does from 5.16 on)"
                : "this processor has it, but the operating system does not keep its registers";
    }

    /** What the processor has beyond the best set, and why it is not used. */
    private static String withheld(NativeLibrary.Set best) {
        NativeLibrary library = NativeLibrary.find().orElseThrow();
        StringBuilder text = new StringBuilder();
        for (NativeLibrary.Set set : NativeLibrary.Set.values()) {
            if (set.compareTo(best) > 0 && library.isWithheld(set)) {
                text.append("; not %s: %s".formatted(set.label(), absence(library, set)));
            }
        }
        return text.toString();
    }

    private static String vector(int bits) {
        return "vector kernels of %d bits".formatted(bits);
    }
}
