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
 * Kernels for instruction sets that this machine lacks, compiled on a stand-in in plain C, give the
 * results of those that it has; tiles give what sums in double give, within their rounding.
 */
class InstructionSetsTest {
    private static final Path SCRIPT = Path.of("src/test/c/run.sh");
    private static final int NOTHING_TO_COMPILE_WITH = 77;

    @Test
    void kernelsOnPlainCAgree(@TempDir Path folder) throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        Process process =
                new ProcessBuilder("sh", SCRIPT.toString(), folder.resolve("objects").toString())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        if (!process.waitFor(10, TimeUnit.MINUTES)) {
            process.destroyForcibly();
        }
        String told = Files.readString(output, StandardCharsets.UTF_8);
        if (process.exitValue() == NOTHING_TO_COMPILE_WITH) {
            System.out.println("skipped: AVX-512 and AMX on plain C: " + told.strip());
            return;
        }
        System.out.print(told);
        assertEquals(0, process.exitValue(), told);
        assertTrue(told.contains("768 equal"), told);
        assertTrue(told.contains("tiles: 525 cases, 0 types failed"), told);
    }
}
