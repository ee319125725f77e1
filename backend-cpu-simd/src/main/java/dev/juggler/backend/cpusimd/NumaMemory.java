package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.MemoryNodes.Node;
import dev.juggler.kernel.BackendException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Lays memory over the nodes of a machine: page by page in turn, so that all processors have the
 * bandwidth of all nodes, or in as many parts as there are nodes, for workers that sit beside their
 * part. Pages that are somewhere already are moved.
 */
final class NumaMemory {
    /** How memory lies on nodes. */
    enum Layout {
        OFF,
        INTERLEAVE,
        SHARD
    }

    private final Layout layout;
    private final List<Node> nodes;
    private final LinuxCalls system;

    /**
     * @param nodes at least one
     * @throws BackendException if the system does not let us, with the reason
     */
    NumaMemory(Layout layout, List<Node> nodes, LinuxCalls system) {
        this.layout = layout;
        this.nodes = List.copyOf(nodes);
        this.system = system;
        try (Arena arena = Arena.ofConfined()) { // at start-up rather than with the first weight
            lay(arena.allocate((long) system.pageSize() * (nodes.size() + 1), system.pageSize()));
        }
    }

    /** Lays a weight as the layout says. */
    void lay(MemorySegment memory) {
        if (layout == Layout.INTERLEAVE) {
            interleave(memory);
            return;
        }
        long size = memory.byteSize();
        for (int i = 0; i < nodes.size(); i++) {
            long from = size * i / nodes.size();
            long to = size * (i + 1) / nodes.size();
            bind(LinuxCalls.PREFERRED, memory.asSlice(from, to - from), nodes.subList(i, i + 1));
        }
    }

    /** Lays memory that all workers use. */
    void interleave(MemorySegment memory) {
        bind(LinuxCalls.INTERLEAVE, memory, nodes);
    }

    /** The pages that begin in a part: so parts side by side share none and leave none out. */
    private void bind(int mode, MemorySegment part, List<Node> on) {
        long page = system.pageSize();
        long first = Math.ceilDiv(part.address(), page) * page;
        long end = Math.floorDiv(part.address() + part.byteSize(), page) * page;
        if (end <= first) {
            return;
        }
        int error =
                system.bindMemory(first, end - first, mode, on.stream().map(Node::number).toList());
        if (error != 0) {
            throw new BackendException(
                    "numa = %s: memory cannot be laid on %s: mbind failed with error %d%s; set juggler.backend.cpu-simd.numa = off"
                            .formatted(
                                    layout.name().toLowerCase(java.util.Locale.ROOT),
                                    MemoryNodes.text(on),
                                    error,
                                    reason(error)));
        }
    }

    private static String reason(int error) {
        return switch (error) {
            case LinuxCalls.NOT_PERMITTED ->
                    " (not permitted: a container needs the capability SYS_NICE)";
            case LinuxCalls.INVALID -> " (there is no such node, or this process may not use it)";
            case LinuxCalls.NO_SUCH_CALL -> " (this kernel has no memory policies)";
            default -> "";
        };
    }
}
