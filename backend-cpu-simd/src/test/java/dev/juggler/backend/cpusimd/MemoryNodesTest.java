package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.MemoryNodes.Node;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendException;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory nodes: real ones where the machine has some, and faked ones. */
class MemoryNodesTest {
    @TempDir Path folder;

    private void node(int number, String processors, long kilobytes) throws IOException {
        Path node = Files.createDirectories(folder.resolve("node" + number));
        Files.writeString(node.resolve("cpulist"), processors + "\n");
        Files.writeString(
                node.resolve("meminfo"),
                "Node %d MemTotal:       %d kB\n".formatted(number, kilobytes));
    }

    @Test
    void aFolderTellsThem() throws IOException {
        node(1, "2-3,10-11", 64 << 20);
        node(0, "0-1,8", 64 << 20);
        node(2, "", 32 << 20);
        node(3, "4", 0);
        Files.writeString(folder.resolve("online"), "0-3\n");
        MemoryNodes nodes = MemoryNodes.read(folder);
        assertEquals(List.of(0, 1, 2, 3), nodes.all().stream().map(Node::number).toList());
        assertEquals(List.of(2, 3, 10, 11), nodes.all().get(1).processors());
        assertEquals(List.of(0, 1, 2), nodes.withMemory().stream().map(Node::number).toList());
        assertEquals(
                List.of(new Node(0, List.of(1), true), new Node(1, List.of(3), true)),
                nodes.withProcessors(Set.of(1, 3, 4)));
    }

    @Test
    void aFolderWithoutNodesIsRefusedWithTheRemedy() {
        for (Path none : List.of(folder, folder.resolve("none"))) {
            BackendException refused =
                    assertThrows(BackendException.class, () -> MemoryNodes.read(none));
            assertTrue(
                    String.valueOf(refused.getMessage()).contains("numa = off"),
                    refused.getMessage());
        }
    }

    private static BackendOptions options(String numa, String pin) {
        return BackendOptions.of("cpu", Map.of("numa", numa, "pin", pin, "threads", "3"));
    }

    private static Backend open(String numa, String pin, Path nodes) {
        return new CpuSimdBackend(CpuSimdOptions.of(options(numa, pin)), nodes);
    }

    /** Opens it, or says why this machine cannot. */
    private static Backend openOrSkip(String numa, String pin, Path nodes) {
        try {
            return open(numa, pin, nodes);
        } catch (BackendException e) {
            assertTrue(
                    String.valueOf(e.getMessage()).contains("juggler.backend.cpu-simd."),
                    e.getMessage());
            System.out.println("skipped: " + e.getMessage());
            return Assumptions.abort(String.valueOf(e.getMessage()));
        }
    }

    /** A product with a weight of some pages, and what was allocated. */
    private static float[] product(Backend backend) {
        int rows = 700;
        int columns = 300;
        Random random = new Random(3);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment weight = arena.allocate(4L * rows * columns, 4096);
            for (long i = 0; i < (long) rows * columns; i++) {
                weight.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat() - 0.5f);
            }
            Buffer adopted = backend.adopt(weight.asSlice(4L * columns)); // not at a page's begin
            Tensor matrix = Tensor.of(DType.F32, rows - 1, columns, adopted);
            Tensor x = Tensor.of(DType.F32, 2, columns, backend.allocate(8L * columns));
            Tensor out = Tensor.of(DType.F32, 2, rows - 1, backend.allocate(8L * rows));
            for (long i = 0; i < 2L * columns; i++) {
                x.host().setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat());
            }
            backend.kernels().matmul(out, x, matrix);
            return out.host().toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    @Test
    void whereMemoryLiesAndWorkersSitChangesNoResult() {
        float[] expected;
        try (Backend off = open("off", "false", MemoryNodes.LINUX)) {
            expected = product(off);
        }
        int cases = 0;
        for (String numa : List.of("off", "interleave", "shard")) {
            for (String pin : List.of("false", "true")) {
                try (Backend backend = openOrSkip(numa, pin, MemoryNodes.LINUX)) {
                    assertArrayEquals(expected, product(backend), numa + " " + pin);
                    String told = backend.description();
                    assertEquals(!numa.equals("off"), told.contains("memory " + numa), told);
                    assertEquals(pin.equals("true"), told.contains("pinned"), told);
                    cases++;
                }
            }
        }
        System.out.printf("memory nodes and seats: %d cases, all equal%n", cases);
    }

    @Test
    void oneNodeIsAsGoodAsNone() throws IOException {
        node(0, Files.readString(MemoryNodes.LINUX.resolve("node0/cpulist")).strip(), 1 << 20);
        try (Backend backend = openOrSkip("shard", "false", folder)) {
            assertTrue(backend.description().contains("memory shard over node 0"));
            try (Backend off = open("off", "false", folder)) {
                assertArrayEquals(product(off), product(backend));
            }
        }
    }

    @Test
    void nodesThatAreNotThereAreRefused() throws IOException {
        node(0, "0", 1 << 20);
        node(977, "1", 1 << 20);
        Assumptions.assumeTrue(
                Runtime.getRuntime().availableProcessors() > 1, "needs two processors");
        BackendException refused =
                assertThrows(BackendException.class, () -> open("shard", "false", folder).close());
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.contains("numa = shard"), message);
        assertTrue(message.contains("mbind failed with error"), message);
        assertTrue(message.contains("set juggler.backend.cpu-simd.numa = off"), message);
    }

    /** Two groups of workers on a machine of one node, as on a machine of two. */
    @Test
    void piecesOfTwoGroupsAreAllDone() {
        try (WorkerPool pool = new WorkerPool(4, WorkerSeats.inGroups(2, 4))) {
            for (int pieces = 0; pieces < 200; pieces++) {
                int[] done = new int[pieces];
                pool.run((piece, worker) -> done[piece]++, pieces);
                for (int one : done) {
                    assertEquals(1, one);
                }
            }
        }
    }

    @Test
    void pinnedWorkersHaveAProcessorEach() throws IOException {
        try (Backend backend = openOrSkip("off", "true", MemoryNodes.LINUX)) {
            product(backend);
            Set<Integer> allowed = LinuxCalls.open().mayRunOn();
            List<String> processors = new ArrayList<>();
            try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
                for (Path thread : threads.toList()) {
                    if (Files.readString(thread.resolve("comm")).startsWith("juggler-cpu-wor")) {
                        processors.add(allowedList(thread));
                    }
                }
            }
            assertEquals(2, processors.size(), processors.toString());
            for (String processor : processors) {
                assertTrue(allowed.contains(Integer.parseInt(processor)), processor);
            }
            // the caller is left where it was
            assertEquals(allowed, LinuxCalls.open().mayRunOn());
        }
    }

    private static String allowedList(Path thread) throws IOException {
        return Files.readAllLines(thread.resolve("status")).stream()
                .filter(line -> line.startsWith("Cpus_allowed_list:"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse("");
    }
}
