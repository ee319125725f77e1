package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.BackendException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The nodes of a machine (NUMA): memory, and the processors that read it faster than that of other
 * nodes. As Linux tells them under {@code /sys/devices/system/node}.
 *
 * @param all at least one, by number
 */
record MemoryNodes(List<Node> all) {
    /** Where Linux tells them. */
    static final Path LINUX = Path.of("/sys/devices/system/node");

    private static final Pattern NODE = Pattern.compile("node(\\d{1,4})");
    private static final Pattern RUN = Pattern.compile("(\\d{1,5})(?:-(\\d{1,5}))?");
    private static final Pattern TOTAL = Pattern.compile("MemTotal:\\s+(\\d{1,15}) kB");

    /**
     * One node.
     *
     * @param processors rising; none of a node that is memory alone
     * @param hasMemory whether there is memory in it
     */
    record Node(int number, List<Integer> processors, boolean hasMemory) {
        Node {
            processors = List.copyOf(processors);
        }
    }

    MemoryNodes {
        all = List.copyOf(all);
    }

    /**
     * Reads them.
     *
     * @throws BackendException if the folder tells of none
     */
    static MemoryNodes read(Path folder) {
        List<Node> nodes = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Matcher name = NODE.matcher(String.valueOf(file.getFileName()));
                if (name.matches()) {
                    nodes.add(node(Integer.parseInt(name.group(1)), file));
                }
            }
        } catch (IOException e) {
            throw new BackendException(
                    "this system tells nothing of memory nodes (%s cannot be read); set juggler.backend.cpu-simd.numa = off"
                            .formatted(folder));
        }
        if (nodes.isEmpty()) {
            throw new BackendException(
                    "%s names no memory node; set juggler.backend.cpu-simd.numa = off"
                            .formatted(folder));
        }
        nodes.sort(Comparator.comparingInt(Node::number));
        return new MemoryNodes(nodes);
    }

    private static Node node(int number, Path folder) throws IOException {
        Matcher total = TOTAL.matcher(Files.readString(folder.resolve("meminfo")));
        return new Node(
                number,
                numbers(Files.readString(folder.resolve("cpulist")).strip()),
                total.find() && Long.parseLong(total.group(1)) > 0);
    }

    /** Numbers as Linux lists them: {@code 0-3,8}. */
    static List<Integer> numbers(String text) {
        Set<Integer> numbers = new TreeSet<>();
        for (String run : text.split(",", -1)) {
            Matcher ends = RUN.matcher(run.strip());
            if (ends.matches()) {
                int first = Integer.parseInt(ends.group(1));
                int last = ends.group(2) == null ? first : Integer.parseInt(ends.group(2));
                for (int number = first; number <= last; number++) {
                    numbers.add(number);
                }
            }
        }
        return List.copyOf(numbers);
    }

    /** Those with memory. */
    List<Node> withMemory() {
        return all.stream().filter(Node::hasMemory).toList();
    }

    /** Those with memory and processors of these, each with these of its processors alone. */
    List<Node> withProcessors(Set<Integer> allowed) {
        return all.stream()
                .filter(Node::hasMemory)
                .map(node ->
                        new Node(
                                node.number,
                                node.processors.stream().filter(allowed::contains).toList(),
                                true))
                .filter(node -> !node.processors.isEmpty())
                .toList();
    }

    /** E.g. {@code node 0}, {@code nodes 0 and 1}. */
    static String text(List<Node> nodes) {
        String numbers =
                nodes.stream()
                        .map(node -> String.valueOf(node.number))
                        .collect(Collectors.joining(", "));
        return (nodes.size() == 1 ? "node " : "nodes ") + numbers;
    }
}
