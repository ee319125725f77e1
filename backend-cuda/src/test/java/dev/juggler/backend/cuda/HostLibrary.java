package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.driver.DriverException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.opentest4j.TestAbortedException;

/**
 * The kernel sources compiled for the processor: the very code that runs on a GPU, a block's
 * threads as fibers.
 */
@SuppressWarnings("restricted") // calling native code is what this is for
final class HostLibrary {
    private static final Path SOURCES = Path.of("src");
    private static final Path BUILT = Path.of("target", "cuda-host", "libjuggler-cuda-host.so");
    private static final Linker LINKER = Linker.nativeLinker();

    private final MethodHandle launch;
    private final MethodHandle error;
    private final MethodHandle symbol;
    private final Set<String> kernels = new HashSet<>();

    private HostLibrary(SymbolLookup library) {
        launch =
                handle(
                        library,
                        "juggler_host_launch",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.ADDRESS,
                                ValueLayout.ADDRESS));
        error = handle(library, "juggler_host_error", FunctionDescriptor.of(ValueLayout.ADDRESS));
        symbol =
                handle(
                        library,
                        "juggler_host_symbol",
                        FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS));
        list(library);
    }

    /**
     * Builds it where it is missing or older than a source.
     *
     * @throws TestAbortedException after saying so, where there is no C++ compiler
     */
    static synchronized HostLibrary require() {
        try (FileChannel lock = lock()) {
            lock.lock(); // tests run in several processes
            if (!isFresh()) {
                build();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return new HostLibrary(SymbolLookup.libraryLookup(BUILT, Arena.global()));
    }

    /**
     * Builds the emulated libcuda.so.1 and loads it, so that whoever needs the driver finds it.
     *
     * @throws TestAbortedException as {@link #require}
     */
    static synchronized void requireDriver() {
        require();
        emulate("libcuda.so.1", "src/test/cuda/driver.cpp", "-ldl");
    }

    /**
     * Likewise an emulated libcublas.so.12.
     *
     * @throws TestAbortedException as {@link #require}
     */
    static synchronized void requireProducts() {
        emulate(
                "libcublas.so.12",
                "src/test/cuda/cublas.cpp",
                "-mf16c",
                "-Wl,--version-script=src/test/cuda/cublas.map");
    }

    private static void emulate(String name, String source, String... flags) {
        Path library = BUILT.resolveSibling(name).toAbsolutePath();
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "g++",
                                "-std=c++17",
                                "-O1",
                                "-Wall",
                                "-Wextra",
                                "-Werror",
                                "-shared",
                                "-fPIC",
                                "-fvisibility=hidden",
                                "-Wl,-soname," + name,
                                "-o",
                                library.toString(),
                                source));
        command.addAll(List.of(flags));
        try {
            run(command);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        SymbolLookup.libraryLookup(library, Arena.global());
    }

    private static FileChannel lock() throws IOException {
        Files.createDirectories(BUILT.getParent());
        return FileChannel.open(
                BUILT.resolveSibling("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }

    private static boolean isFresh() throws IOException {
        if (!Files.exists(BUILT)) {
            return false;
        }
        FileTime built = Files.getLastModifiedTime(BUILT);
        for (String folder : new String[] {"main/cuda", "test/cuda"}) {
            try (Stream<Path> files = Files.list(SOURCES.resolve(folder))) {
                for (Path file : files.toList()) {
                    if (Files.getLastModifiedTime(file).compareTo(built) > 0) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    private static void build() throws IOException, InterruptedException {
        Path fresh = BUILT.resolveSibling("fresh.so");
        run(List.of("sh", "src/test/cuda/build.sh", fresh.toString()));
        Files.move(fresh, BUILT, StandardCopyOption.REPLACE_EXISTING);
    }

    private static void run(List<String> command) throws IOException, InterruptedException {
        Path log = BUILT.resolveSibling("build.log");
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        if (!process.waitFor(10, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new IllegalStateException("building the kernels for the host takes too long");
        }
        String said = Files.readString(log);
        if (process.exitValue() != 0 && said.contains("not found")) {
            String skipped = "skipped: no C++ compiler to build the CUDA kernels for the host";
            System.out.println(skipped + ": " + said.strip());
            throw new TestAbortedException(skipped);
        }
        if (process.exitValue() != 0) {
            throw new IllegalStateException("the kernels do not compile for the host:\n" + said);
        }
    }

    Set<String> kernels() {
        return kernels;
    }

    /** Runs a kernel to its end. */
    void launch(MemorySegment name, MemorySegment geometry, MemorySegment arguments) {
        try {
            int result = (int) launch.invokeExact(name, geometry, arguments);
            if (result != 0) {
                MemorySegment text = (MemorySegment) error.invokeExact();
                throw new DriverException(
                        name.getString(0), 700, text.reinterpret(4096).getString(0));
            }
        } catch (DriverException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Address of a variable, 0 if there is none. */
    long symbol(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return ((MemorySegment) symbol.invokeExact(arena.allocateFrom(name))).address();
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private void list(SymbolLookup library) {
        MethodHandle count =
                handle(
                        library,
                        "juggler_host_kernels",
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            int most = 4096;
            MemorySegment names = arena.allocate(ValueLayout.ADDRESS, most);
            int there = (int) count.invokeExact(names, most);
            for (int i = 0; i < Math.min(there, most); i++) {
                MemorySegment name = names.getAtIndex(ValueLayout.ADDRESS, i);
                kernels.add(name.reinterpret(256).getString(0));
            }
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static MethodHandle handle(
            SymbolLookup library, String name, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(library.findOrThrow(name), descriptor);
    }
}
