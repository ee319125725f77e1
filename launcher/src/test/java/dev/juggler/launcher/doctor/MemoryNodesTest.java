package dev.juggler.launcher.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryNodesTest {
    @TempDir Path folder;

    private void node(int number, String processors, long kilobytes) throws IOException {
        Path node = Files.createDirectories(folder.resolve("node" + number));
        Files.writeString(node.resolve("cpulist"), processors + "\n");
        Files.writeString(
                node.resolve("meminfo"),
                "Node %d MemTotal:       %d kB\nNode %d MemFree: 1 kB\n"
                        .formatted(number, kilobytes, number));
    }

    @Test
    void oneNodeIsFine() throws IOException {
        node(0, "0-15", 64 << 20);
        Files.writeString(folder.resolve("online"), "0\n");
        assertEquals(
                Finding.ok("memory nodes", "node 0: processors 0-15, 64.0 GiB"),
                MemoryNodes.examine(folder));
    }

    @Test
    void severalAreToldInOrderWithARemedy() throws IOException {
        node(10, "", 1 << 20); // memory without processors
        node(2, "16-31", 32 << 20);
        String told = MemoryNodes.examine(folder).toString();
        assertTrue(
                told.contains(
                        "node 2: processors 16-31, 32.0 GiB; node 10: processors none, 1.0 GiB"),
                told);
        assertTrue(told.contains("numa = interleave"), told);
    }

    @Test
    void aSystemThatTellsNothingIsFine() {
        assertEquals(
                Finding.ok("memory nodes", "not told by this system"),
                MemoryNodes.examine(folder.resolve("none")));
    }
}
