package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kernels for instruction sets that this machine lacks give the results of those that it has:
 * compiled on a stand-in in plain C, or for ARM in an emulator. Tiles give what sums in double
 * give, within their rounding.
 */
class InstructionSetsTest {
    private static final Path FOLDER = Path.of("src/test/c");
    private static final int NOTHING_TO_COMPILE_WITH = 77;

    /** What every instruction set of every machine must come to, bit for bit. */
    private static final String AGREED = "903 cases, 903 equal; digest e63662f0";

    @Test
    void kernelsOnPlainCAgree(@TempDir Path folder) throws IOException, InterruptedException {
        String told = run("run.sh", "AVX-512 and AMX on plain C", folder);
        if (!told.isEmpty()) {
            assertTrue(told.contains(AGREED), told);
            assertTrue(told.contains("tiles: 648 cases, 0 types failed"), told);
        }
    }

    @Test
    void kernelsForArmAgreeWithThoseForX86(@TempDir Path folder)
            throws IOException, InterruptedException {
        String told = run("neon.sh", "NEON in an emulator", folder);
        if (!told.isEmpty()) {
            assertTrue(told.contains(AGREED) || told.contains("no dot products here"), told);
            assertTrue(told.contains("products right"), told);
        }
    }

    /** What a script told, which must have gone well; empty where it has nothing to work with. */
    private static String run(String script, String what, Path folder)
            throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        Process process =
                new ProcessBuilder(
                                "sh",
                                FOLDER.resolve(script).toString(),
                                folder.resolve("objects").toString())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        if (!process.waitFor(10, TimeUnit.MINUTES)) {
            process.destroyForcibly();
        }
        String told = Files.readString(output, StandardCharsets.UTF_8);
        if (process.exitValue() == NOTHING_TO_COMPILE_WITH) {
            System.out.println("skipped: " + what + ": " + told.strip());
            return "";
        }
        System.out.print(told);
        assertEquals(0, process.exitValue(), told);
        return told;
    }
}
