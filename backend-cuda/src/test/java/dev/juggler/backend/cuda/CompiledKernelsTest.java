package dev.juggler.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cuda.driver.Libraries;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.opentest4j.TestAbortedException;

/**
 * NVIDIA's run-time compiler takes the kernels' sources, where it is installed; it needs no GPU.
 */
class CompiledKernelsTest {
    @TempDir private Path cache = Path.of("target");

    @Test
    void areCompiledOnceAndKept() throws IOException {
        if (!Libraries.isThere(Libraries.NVRTC)) {
            String skipped = "skipped: there is no " + Libraries.NVRTC;
            System.out.println(skipped);
            throw new TestAbortedException(skipped);
        }
        KernelImage image = new CompiledKernels(cache).image(80);
        assertEquals("compiled by NVRTC", image.origin());
        String ptx = new String(image.bytes(), StandardCharsets.UTF_8);
        assertTrue(ptx.contains("sm_80") && ptx.endsWith("\0"));
        int kernels = ptx.split("\\.entry ", -1).length - 1;
        assertEquals(HostLibrary.require().kernels().size(), kernels);
        System.out.printf("NVRTC: %d kernels for sm_80%n", kernels);
        KernelImage again = new CompiledKernels(cache).image(80);
        assertEquals("compiled by NVRTC before", again.origin());
        assertArrayEquals(image.bytes(), again.bytes());
    }
}
