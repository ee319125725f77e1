package dev.juggler.launcher.doctor;

import dev.juggler.engine.placement.HostBandwidth;
import dev.juggler.kernel.HostMemory;
import dev.juggler.kernel.MemoryInfo;
import dev.juggler.launcher.download.CudaRedistributable;
import dev.juggler.launcher.terminal.Units;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Looks at the machine: Java, processor, memory, compiler, GPU libraries. */
public final class Machine {
    private static final int JAVA = 25;
    private static final long LITTLE_MEMORY = 4L << 30;
    private static final List<String> TELLING_FEATURES =
            List.of(
                    "avx2",
                    "fma",
                    "f16c",
                    "avx512f",
                    "avx512_vnni",
                    "avx512_bf16",
                    "amx_int8",
                    "amx_bf16",
                    "asimd",
                    "asimddp",
                    "sve");

    private Machine() {}

    /** All findings, in reading order; takes well under a second. */
    public static List<Finding> examine() {
        List<Finding> findings = new ArrayList<>();
        findings.add(java());
        findings.add(vectorModule());
        findings.add(nativeAccess());
        findings.add(processor());
        findings.add(memory());
        findings.add(MemoryNodes.examine());
        findings.add(bandwidth());
        findings.add(compiler());
        findings.add(cuda());
        return findings;
    }

    private static Finding java() {
        String detail = Runtime.version() + ", " + System.getProperty("java.home");
        return Runtime.version().feature() >= JAVA
                ? Finding.ok("JDK", detail)
                : Finding.broken("JDK", detail, "install a JDK " + JAVA + " or newer");
    }

    private static Finding vectorModule() {
        return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
                ? Finding.ok("Vector API", "loaded: starts are a little slower with it")
                : Finding.ok("Vector API", "not loaded: no backend in use needs it");
    }

    private static Finding nativeAccess() {
        boolean allowed = Machine.class.getModule().isNativeAccessEnabled();
        return allowed
                ? Finding.ok("native access", "enabled")
                : Finding.warning(
                        "native access",
                        "not enabled: the JVM will warn, and later refuse",
                        "start through ./juggler, or add --enable-native-access=ALL-UNNAMED");
    }

    private static Finding processor() {
        int cores = Runtime.getRuntime().availableProcessors();
        Map<String, String> first = cpuInfo();
        String name = first.getOrDefault("model name", System.getProperty("os.arch"));
        Set<String> flags =
                new TreeSet<>(
                        Arrays.asList(
                                first.getOrDefault("flags", first.getOrDefault("Features", ""))
                                        .split(" ", -1)));
        List<String> telling = TELLING_FEATURES.stream().filter(flags::contains).toList();
        String detail = "%s, %d cores, %s".formatted(name, cores, String.join(" ", telling));
        boolean wide = flags.contains("avx2") || flags.contains("asimd");
        return wide || flags.size() <= 1
                ? Finding.ok("CPU", detail)
                : Finding.warning("CPU", detail, "without AVX2 the kernels run slowly");
    }

    private static Map<String, String> cpuInfo() {
        Map<String, String> first = new java.util.TreeMap<>();
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            lines.takeWhile(line -> !line.isBlank())
                    .map(line -> line.split("\\s*:\\s*", 2))
                    .filter(parts -> parts.length == 2)
                    .forEach(parts -> first.put(parts[0], parts[1]));
        } catch (IOException | java.io.UncheckedIOException e) {
            // Not Linux: the JVM's own words must do.
        }
        return first;
    }

    private static Finding memory() {
        MemoryInfo memory = HostMemory.now();
        long free = memory.free();
        String detail =
                "%s, %s available".formatted(Units.bytes(memory.total()), Units.bytes(free));
        return free >= LITTLE_MEMORY
                ? Finding.ok("memory", detail)
                : Finding.warning(
                        "memory", detail, "large models will not fit; close other programs");
    }

    private static Finding bandwidth() {
        int threads = Runtime.getRuntime().availableProcessors();
        double rate = HostBandwidth.measure(threads).bytesPerSecond() / 1e9;
        return Finding.ok(
                "bandwidth",
                String.format(
                        Locale.ROOT,
                        "%.1f GB/s read by %d threads: the roof of decoding on the CPU",
                        rate,
                        threads));
    }

    private static Finding compiler() {
        for (String name : List.of("gcc", "clang", "cc")) {
            Optional<Path> found = onPath(name);
            if (found.isPresent()) {
                return Finding.ok("C compiler", found.get().toString());
            }
        }
        return Finding.warning(
                "C compiler",
                "none found: native kernels cannot be built, the Vector API serves",
                "apt install gcc, then build again");
    }

    private static Optional<Path> onPath(String program) {
        return Stream.of(
                        System.getenv()
                                .getOrDefault("PATH", "")
                                .split(java.io.File.pathSeparator, -1))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private static Finding cuda() {
        List<String> missing =
                Stream.of("libcuda.so.1", "libcublas.so.12", "libnvrtc.so.12")
                        .filter(library -> !isLoadable(library))
                        .toList();
        if (missing.isEmpty()) {
            return Finding.ok("CUDA", "driver, cuBLAS 12 and NVRTC 12 are there");
        }
        boolean driver = !missing.contains("libcuda.so.1");
        return Finding.warning(
                "CUDA",
                "not found: " + String.join(", ", missing),
                driver
                        ? "install the CUDA 12 toolkit, or ./juggler plugins install "
                                + CudaRedistributable.NAME
                        : "models run on the CPU; for an NVIDIA GPU install its driver");
    }

    @SuppressWarnings("restricted") // a look-up that is closed at once; native access is enabled
    private static boolean isLoadable(String library) {
        if (Files.isRegularFile(CudaRedistributable.folder().resolve(library))) {
            return true; // the backend takes it from there
        }
        try (Arena arena = Arena.ofConfined()) {
            SymbolLookup.libraryLookup(library, arena);
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
