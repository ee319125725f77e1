package dev.juggler.backend.cpusimd;

import dev.juggler.backend.cpusimd.MemoryNodes.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where workers sit: each beside a part of the memory, which is a group, and perhaps on processors
 * of its own. Worker 0 is the caller, which is moved nowhere.
 */
final class WorkerSeats {
    private final int groups;
    private final List<Seat> seats;
    private final @Nullable LinuxCalls system;

    /**
     * @param group which part of a task's pieces it begins with
     * @param processors where it may run; none: everywhere
     */
    private record Seat(int group, List<Integer> processors) {}

    private WorkerSeats(int groups, List<Seat> seats, @Nullable LinuxCalls system) {
        this.groups = groups;
        this.seats = List.copyOf(seats);
        this.system = system;
    }

    /** All beside the same memory, on any processor. */
    static WorkerSeats anywhere() {
        return new WorkerSeats(1, List.of(), null);
    }

    /** As many groups of so many workers, on any processor. */
    static WorkerSeats inGroups(int groups, int workers) {
        List<Seat> seats = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            seats.add(new Seat(groupOf(worker, workers, groups), List.of()));
        }
        return new WorkerSeats(groups, seats, null);
    }

    private static int groupOf(int worker, int workers, int groups) {
        return (int) ((long) worker * groups / workers);
    }

    /**
     * Workers on processors of the machine.
     *
     * @param nodes at least one; those with several make a group of each
     * @param shard whether each node has a part of the memory
     * @param pin whether each worker has a processor of its own, as far as there are some
     */
    static WorkerSeats on(
            List<Node> nodes, int workers, boolean shard, boolean pin, LinuxCalls system) {
        List<Integer> all = nodes.stream().flatMap(node -> node.processors().stream()).toList();
        int groups = shard ? nodes.size() : 1;
        int[] next = new int[groups];
        List<Seat> seats = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            int group = groupOf(worker, workers, groups);
            List<Integer> near = shard ? nodes.get(group).processors() : all;
            List<Integer> own = List.of(near.get(next[group]++ % near.size()));
            seats.add(new Seat(group, pin ? own : shard ? near : List.of()));
        }
        return new WorkerSeats(groups, seats, system);
    }

    /** How many parts a task's pieces have. */
    int groups() {
        return groups;
    }

    /** Which part a worker begins with. */
    int group(int worker) {
        return seats.isEmpty() ? 0 : seats.get(worker).group;
    }

    /**
     * Takes the seat of a worker; by its own thread.
     *
     * @return 0, or the system's error number
     */
    int sit(int worker) {
        List<Integer> processors = seats.isEmpty() ? List.of() : seats.get(worker).processors;
        return processors.isEmpty() ? 0 : Objects.requireNonNull(system).runOn(processors);
    }
}
