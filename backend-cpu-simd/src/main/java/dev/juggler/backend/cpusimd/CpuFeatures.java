package dev.juggler.backend.cpusimd;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** What the processor can do beyond the ordinary, as Linux tells it. */
final class CpuFeatures {
    private static final Path CPUINFO = Path.of("/proc/cpuinfo");

    private static final List<String> WORTH_TELLING =
            List.of(
                    "avx2",
                    "fma",
                    "f16c",
                    "avx512f",
                    "avx512_vnni",
                    "avx_vnni",
                    "amx_bf16",
                    "amx_int8",
                    "asimd",
                    "asimddp",
                    "sve",
                    "i8mm");

    private CpuFeatures() {}

    /** The features in a list for people, with a leading comma; empty where they are not known. */
    static String listed() {
        try {
            for (String line : Files.readAllLines(CPUINFO)) {
                if (line.startsWith("flags") || line.startsWith("Features")) {
                    return listed(
                            Set.copyOf(
                                    List.of(
                                            line.substring(line.indexOf(':') + 1)
                                                    .strip()
                                                    .split(" +"))));
                }
            }
        } catch (IOException | IllegalArgumentException e) {
            // Not Linux, or it writes it another way: there is nothing to tell.
        }
        return "";
    }

    private static String listed(Set<String> flags) {
        List<String> found = WORTH_TELLING.stream().filter(flags::contains).toList();
        return found.isEmpty() ? "" : ", " + String.join(" ", found);
    }
}
