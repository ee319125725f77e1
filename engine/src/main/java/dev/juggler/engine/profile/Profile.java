package dev.juggler.engine.profile;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Time and work of steps, summed by phase. For one thread. */
public final class Profile {
    /**
     * The sums of one phase.
     *
     * @param nanoseconds spent
     * @param bytes of weights that its products read, each weight once an operation; of experts
     *     only those that are chosen, at most one for each choice
     * @param operations additions and multiplications of its products
     */
    public record Total(Phase phase, long nanoseconds, long bytes, long operations) {}

    private static final class Sums {
        long nanoseconds;
        long bytes;
        long operations;
    }

    private final Map<Phase, Sums> sums = new EnumMap<>(Phase.class);

    /** Adds some work. */
    public void add(Phase phase, long nanoseconds, long bytes, long operations) {
        Sums own = sums.computeIfAbsent(phase, key -> new Sums());
        own.nanoseconds += nanoseconds;
        own.bytes += bytes;
        own.operations += operations;
    }

    /** Forgets all. */
    public void clear() {
        sums.clear();
    }

    /** The phases that had any work, in the order of {@link Phase}. */
    public List<Total> totals() {
        return sums.entrySet().stream()
                .map(entry -> total(entry.getKey(), entry.getValue()))
                .toList();
    }

    private static Total total(Phase phase, Sums own) {
        return new Total(phase, own.nanoseconds, own.bytes, own.operations);
    }
}
