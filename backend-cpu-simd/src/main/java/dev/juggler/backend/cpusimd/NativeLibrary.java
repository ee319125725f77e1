package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.quant.Codebook;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The shared library of native kernels (src/main/c), if the build could make one for this machine.
 * It is code, so it is loaded once and shared by all backends of the process.
 *
 * <p>Products take addresses as numbers: arguments of a call that is made a hundred thousand times
 * a second must not be objects. Attention and the loops take arrays.
 */
final class NativeLibrary {
    /** What {@code juggler_interface} must return. */
    private static final int INTERFACE = 10;

    /** Where in the features the sets begin that the operating system withholds. */
    private static final int WITHHELD = 16;

    /** Which feature says that NEON's kernels use the processor's dot products. */
    private static final int DOT_PRODUCTS = 4;

    private static final int WORDS_OF_WORK = 14;

    /* Questions of library.c. */
    private static final long INTERFACE_OF_LIBRARY = 0;
    private static final long CODEBOOKS_OF_JAVA = 1;
    private static final long COMPILED = 2;
    private static final long FEATURES = 3;

    private static final String FOLDER = "native/";
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final MemoryLayout ARRAY = ValueLayout.ADDRESS;

    /** In the order of codebook_vectors.h. */
    private static final List<Codebook> CODEBOOKS =
            List.of(
                    Codebook.IQ1_S,
                    Codebook.IQ2_XXS,
                    Codebook.IQ2_XS,
                    Codebook.IQ2_S,
                    Codebook.IQ3_XXS,
                    Codebook.IQ3_S);

    private static final Attempt ATTEMPT = attempt();

    /** An instruction set that kernels are compiled for, the best last. */
    enum Set {
        AVX2(0, "AVX2"),
        AVX512(1, "AVX-512 VNNI"),
        AMX(2, "AMX"),
        NEON(3, "NEON");

        private final int number;
        private final String label;

        Set(int number, String label) {
            this.number = number;
            this.label = label;
        }

        /** Its number in library.c. */
        int number() {
            return number;
        }

        /** Its name for people. */
        String label() {
            return label;
        }

        /** Its name in the configuration. */
        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** {@code long ask(long question, long, long)}; questions are numbered as in library.c. */
    final MethodHandle ask;

    /** {@code void work(long task, long set, 12 × long)}; tasks are numbered as in library.c. */
    final MethodHandle work;

    private final SymbolLookup symbols;
    private final int compiled;
    private final int features;

    private record Attempt(@Nullable NativeLibrary library, String reason) {}

    private NativeLibrary(SymbolLookup symbols) throws Throwable {
        ask = critical(symbols, "juggler_ask", FunctionDescriptor.of(LONG, LONG, LONG, LONG));
        long version = (long) ask.invokeExact(INTERFACE_OF_LIBRARY, 0L, 0L);
        if (version != INTERFACE) {
            throw new IllegalStateException(
                    "the library has interface %d, not %d".formatted(version, INTERFACE));
        }
        this.symbols = symbols;
        handOverCodebooks(ask);
        compiled = (int) (long) ask.invokeExact(COMPILED, 0L, 0L);
        features = (int) (long) ask.invokeExact(FEATURES, 0L, 0L);
        work =
                critical(
                        symbols,
                        "juggler_work",
                        FunctionDescriptor.ofVoid(
                                Collections.nCopies(WORDS_OF_WORK, LONG)
                                        .toArray(MemoryLayout[]::new)));
    }

    /** Gives the library the vectors that codes of IQ1 to IQ3 point to; it keeps a copy. */
    private static void handOverCodebooks(MethodHandle ask) throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            long bytes = 0;
            for (Codebook book : CODEBOOKS) {
                bytes += book.values().length;
            }
            MemorySegment vectors = arena.allocate(bytes);
            long at = 0;
            for (Codebook book : CODEBOOKS) {
                MemorySegment values = MemorySegment.ofArray(book.values());
                vectors.asSlice(at).copyFrom(values);
                at += values.byteSize();
            }
            long _ = (long) ask.invokeExact(CODEBOOKS_OF_JAVA, vectors.address(), 0L);
        }
    }

    /**
     * The calls of {@link NativeLoops}, each linked when it is asked for.
     *
     * @throws IllegalStateException if there is no library
     */
    static Loops loops() {
        return new Loops(find().orElseThrow(() -> new IllegalStateException(reason())).symbols);
    }

    /**
     * The calls of {@link NativeAttention}, each linked when it is asked for.
     *
     * @throws IllegalStateException if there is no library
     */
    static Attention attention() {
        return new Attention(find().orElseThrow(() -> new IllegalStateException(reason())).symbols);
    }

    /** Links the calls of {@link NativeAttention}, which take arrays. */
    record Attention(SymbolLookup symbols) {
        MethodHandle attend() {
            return onHeap(symbols, "juggler_attend", arguments(11));
        }

        MethodHandle attendRounded() {
            return onHeap(symbols, "juggler_attend_rounded", arguments(13));
        }

        MethodHandle roundQueries() {
            return onHeap(symbols, "juggler_round_queries", INT, ARRAY, INT, INT, ARRAY);
        }

        MethodHandle decodeRows() {
            return onHeap(
                    symbols, "juggler_decode_rows", INT, INT, ARRAY, INT, INT, INT, ARRAY, INT);
        }

        /** The set, six arrays, whole numbers, two fractions. */
        private static MemoryLayout[] arguments(int wholeNumbers) {
            List<MemoryLayout> arguments = new ArrayList<>();
            arguments.add(INT);
            arguments.addAll(Collections.nCopies(6, ARRAY));
            arguments.addAll(Collections.nCopies(wholeNumbers, INT));
            arguments.addAll(Collections.nCopies(2, FLOAT));
            return arguments.toArray(MemoryLayout[]::new);
        }
    }

    /** Links the calls of {@link NativeLoops}, which take arrays. */
    record Loops(SymbolLookup symbols) {
        MethodHandle dots() {
            return link(
                    "juggler_dots", INT, ARRAY, INT, INT, INT, ARRAY, INT, INT, INT, ARRAY, INT);
        }

        MethodHandle addWeighted() {
            return link(
                    "juggler_add_weighted", INT, ARRAY, INT, INT, ARRAY, INT, INT, ARRAY, INT, INT);
        }

        MethodHandle exponentials() {
            return link("juggler_exponentials", INT, ARRAY, INT, INT, FLOAT);
        }

        MethodHandle gate() {
            return link("juggler_gate", INT, ARRAY, INT, ARRAY, INT, INT, FLOAT, FLOAT, FLOAT);
        }

        MethodHandle decode() {
            return link("juggler_decode", INT, INT, LONG, INT, ARRAY, INT);
        }

        private MethodHandle link(String name, MemoryLayout... arguments) {
            return onHeap(symbols, name, arguments);
        }
    }

    /** The library, or empty; {@link #reason()} then says why. */
    static Optional<NativeLibrary> find() {
        return Optional.ofNullable(ATTEMPT.library());
    }

    /** Why there is no library; empty where there is one. */
    static String reason() {
        return ATTEMPT.reason();
    }

    /** The best set that was compiled and that this machine can run, or empty. */
    Optional<Set> best() {
        Optional<Set> best = Optional.empty();
        for (Set set : Set.values()) {
            if (runs(set)) {
                best = Optional.of(set);
            }
        }
        return best;
    }

    /** True where a set was compiled and this machine can run it. */
    boolean runs(Set set) {
        return isCompiled(set) && ((features >> set.number()) & 1) != 0;
    }

    /** True where the processor has a set that the operating system does not let us use. */
    boolean isWithheld(Set set) {
        return ((features >> (WITHHELD + set.number())) & 1) != 0;
    }

    /** A set's name for people, with what it uses of the processor beyond itself. */
    String description(Set set) {
        boolean dots = set == Set.NEON && ((features >> DOT_PRODUCTS) & 1) != 0;
        return dots ? set.label() + " with dot products" : set.label();
    }

    /** True where a set was compiled. */
    boolean isCompiled(Set set) {
        return ((compiled >> set.number()) & 1) != 0;
    }

    // Whatever goes wrong, there are other kernels. The library is our own.
    @SuppressWarnings({"CatchingUnchecked", "restricted"})
    private static Attempt attempt() {
        try {
            String name = System.mapLibraryName("juggler-kernels");
            @Nullable URL library = NativeLibrary.class.getResource(FOLDER + name);
            if (library == null) {
                return new Attempt(null, absence());
            }
            SymbolLookup symbols = SymbolLookup.libraryLookup(file(library, name), Arena.global());
            return new Attempt(new NativeLibrary(symbols), "");
        } catch (Throwable e) {
            return new Attempt(null, "the native kernels cannot be loaded: " + e.getMessage());
        }
    }

    /** What the build wrote down about why there is no library. */
    private static String absence() throws IOException {
        try (@Nullable InputStream in =
                NativeLibrary.class.getResourceAsStream(FOLDER + "absent.txt")) {
            return in == null
                    ? "built without native kernels"
                    : new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        }
    }

    /** The library as a file: a plugin's folder has it as one, a jar must be unpacked. */
    private static Path file(URL library, String name) throws IOException, URISyntaxException {
        URI place = library.toURI();
        if ("file".equals(place.getScheme())) {
            return Path.of(place);
        }
        Path folder = Files.createTempDirectory("juggler");
        Path copy = folder.resolve(name);
        try (InputStream in = library.openStream()) {
            Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
        }
        copy.toFile().deleteOnExit();
        folder.toFile().deleteOnExit();
        return copy;
    }

    /**
     * A call that does not leave the Java state: a few nanoseconds, and the callee must not wait.
     */
    @SuppressWarnings("restricted") // the descriptors are those of library.c
    private static MethodHandle critical(
            SymbolLookup symbols, String name, FunctionDescriptor descriptor) {
        return Linker.nativeLinker()
                .downcallHandle(
                        symbols.findOrThrow(name), descriptor, Linker.Option.critical(false));
    }

    /** A call without a result that may be given arrays; none is moved while it lasts. */
    @SuppressWarnings("restricted") // the descriptors are those of library.c
    private static MethodHandle onHeap(
            SymbolLookup symbols, String name, MemoryLayout... arguments) {
        return Linker.nativeLinker()
                .downcallHandle(
                        symbols.findOrThrow(name),
                        FunctionDescriptor.ofVoid(arguments),
                        Linker.Option.critical(true));
    }
}
