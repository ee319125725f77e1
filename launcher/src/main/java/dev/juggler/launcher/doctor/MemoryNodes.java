package dev.juggler.launcher.doctor;

import dev.juggler.launcher.terminal.Units;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The memory nodes (NUMA) of this machine: processors read the memory of their own node faster than
 * that of others. As Linux tells them under {@code /sys/devices/system/node}.
 */
final class MemoryNodes {
    private static final Path LINUX = Path.of("/sys/devices/system/node");
    private static final Pattern NODE = Pattern.compile("node(\\d{1,6})");
    private static final Pattern TOTAL = Pattern.compile("MemTotal:\\s+(\\d{1,15}) kB");

    private MemoryNodes() {}

    /** One node. */
    private record Node(int number, String processors, long bytes) {
        String text() {
            return "node %d: processors %s, %s"
                    .formatted(number, processors, bytes == 0 ? "?" : Units.bytes(bytes));
        }
    }

    /** What this machine has. */
    static Finding examine() {
        return examine(LINUX);
    }

    /** What a folder tells that looks like that of Linux. */
    static Finding examine(Path folder) {
        List<Node> nodes = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Matcher name = NODE.matcher(String.valueOf(file.getFileName()));
                if (name.matches()) {
                    nodes.add(node(Integer.parseInt(name.group(1)), file));
                }
            }
        } catch (IOException e) {
            return Finding.ok("memory nodes", "not told by this system");
        }
        nodes.sort(Comparator.comparingInt(Node::number));
        String detail = String.join("; ", nodes.stream().map(Node::text).toList());
        if (nodes.size() < 2) {
            return Finding.ok("memory nodes", nodes.isEmpty() ? "none told" : detail);
        }
        return Finding.warning(
                "memory nodes",
                detail,
                "weights may all lie in the memory of one node: set juggler.backend.cpu-simd.numa = interleave");
    }

    private static Node node(int number, Path folder) throws IOException {
        String processors = Files.readString(folder.resolve("cpulist")).strip();
        Matcher total = TOTAL.matcher(Files.readString(folder.resolve("meminfo")));
        long bytes = total.find() ? Long.parseLong(total.group(1)) * 1024 : 0;
        return new Node(number, processors.isEmpty() ? "none" : processors, bytes);
    }
}
