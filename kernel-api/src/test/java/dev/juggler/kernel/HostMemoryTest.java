package dev.juggler.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory of machines and containers, read from files as Linux shows them. */
class HostMemoryTest {
    private static final long GIGABYTE = 1L << 30;

    @TempDir private Path root;

    @BeforeEach
    void aMachineOf24GigabytesWith20Available() throws IOException {
        write(
                "proc/meminfo",
                "MemTotal:       25165824 kB\nMemFree:  100 kB\nMemAvailable:   20971520 kB\n");
    }

    @Test
    void withoutLimits() throws IOException {
        write("proc/self/cgroup", "0::/user.slice\n");
        write("sys/fs/cgroup/user.slice/memory.max", "max\n");
        assertEquals(new MemoryInfo(24 * GIGABYTE, 20 * GIGABYTE), HostMemory.of(root));
    }

    @Test
    void aGroupAroundOursHasTheLimit() throws IOException {
        write("proc/self/cgroup", "0::/pod/container\n");
        write("sys/fs/cgroup/pod/container/memory.max", "max\n");
        write("sys/fs/cgroup/pod/memory.max", 8 * GIGABYTE + "\n");
        write("sys/fs/cgroup/pod/memory.current", 5 * GIGABYTE + "\n");
        write(
                "sys/fs/cgroup/pod/memory.stat",
                "anon 7\nfile_mapped 9\nfile " + 2 * GIGABYTE + "\n");
        assertEquals(new MemoryInfo(8 * GIGABYTE, 5 * GIGABYTE), HostMemory.of(root));
    }

    @Test
    void aContainerThatSeesItsGroupAsTheRoot() throws IOException {
        write("proc/self/cgroup", "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", 4 * GIGABYTE + "\n");
        write("sys/fs/cgroup/memory/memory.usage_in_bytes", GIGABYTE + "\n");
        assertEquals(new MemoryInfo(4 * GIGABYTE, 3 * GIGABYTE), HostMemory.of(root));
    }

    @Test
    void unlimitedAsVersion1WritesIt() throws IOException {
        write("proc/self/cgroup", "4:memory:/\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assertEquals(new MemoryInfo(24 * GIGABYTE, 20 * GIGABYTE), HostMemory.of(root));
    }

    @Test
    void whatIsAllocatedAndNotTouchedIsNotFree() throws IOException {
        write("proc/self/status", "VmRSS:\t9 kB\nRssAnon:\t  3145728 kB\n"); // 3 GB
        assertEquals(20 * GIGABYTE, HostMemory.of(root, 2 * GIGABYTE).free());
        assertEquals(18 * GIGABYTE, HostMemory.of(root, 5 * GIGABYTE).free());
        assertEquals(0, HostMemory.of(root, 99 * GIGABYTE).free());
    }

    @Test
    void bigBuffersAreZeroedAlignedAndTakenWhenTouched() {
        try (HostBuffers buffers = new HostBuffers("test")) {
            long free = buffers.memory().free();
            long bytes = Math.min(4 * GIGABYTE, free / 2);
            HostBuffer buffer = buffers.allocate(bytes);
            assertEquals(bytes, buffer.byteSize());
            assertEquals(0, buffer.host().address() % HostBuffer.ALIGNMENT);
            assertEquals(0, buffer.host().get(ValueLayout.JAVA_BYTE, bytes - 1));
            long left = buffers.memory().free();
            assertTrue(left < free - bytes / 2, free + " before, after " + left);
            assertThrows(OutOfDeviceMemoryException.class, () -> buffers.allocate(free));
            buffer.close();
            assertTrue(buffers.memory().free() > left);
        }
    }

    @Test
    void manySmallBuffersAreNotMoreThanThereIs() {
        try (HostBuffers buffers = new HostBuffers("test")) {
            long piece = buffers.memory().free() / 50;
            for (int i = 0; i < 40; i++) {
                buffers.allocate(piece);
            }
            assertThrows(
                    OutOfDeviceMemoryException.class,
                    () -> {
                        for (int i = 0; i < 20; i++) {
                            buffers.allocate(piece);
                        }
                    });
        }
    }

    @Test
    void thisMachine() {
        MemoryInfo memory = HostMemory.now();
        assertTrue(memory.total() > 0 && memory.free() > 0, memory::toString);
        assertTrue(memory.free() <= memory.total(), memory::toString);
    }

    private void write(String file, String text) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }
}
