package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

/** The kernels compile for every architecture, where there is a compiler for them. */
class ArchitecturesTest {
    private static final Path FOLDER = Path.of("target", "cuda-ptx");
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)");
    private static final int MINUTES = 10;

    @Test
    void kernelsCompileForTuringAmpereAndHopper() throws IOException, InterruptedException {
        Files.createDirectories(FOLDER);
        Path log = FOLDER.resolve("nvcc.log");
        Process process =
                new ProcessBuilder("sh", "src/test/cuda/ptx.sh", FOLDER.toString())
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
            process.descendants().forEach(ProcessHandle::destroy);
            process.destroy();
            throw new AssertionError("nvcc takes more than %d minutes".formatted(MINUTES));
        }
        String said = Files.readString(log);
        System.out.print(said);
        assertEquals(0, process.exitValue(), said);
        if (said.contains("skipped")) {
            throw new TestAbortedException(said.strip());
        }
        TreeSet<String> host = new TreeSet<>(HostLibrary.require().kernels());
        for (int architecture : new int[] {75, 80, 90}) {
            TreeSet<String> compiled = new TreeSet<>();
            String ptx = Files.readString(FOLDER.resolve("kernels-" + architecture + ".ptx"));
            Matcher matcher = ENTRY.matcher(ptx);
            while (matcher.find()) {
                compiled.add(matcher.group(1));
            }
            assertTrue(ptx.contains("sm_" + architecture), "sm_" + architecture);
            assertEquals(host, compiled, "the same kernels as on the host");
        }
    }
}
