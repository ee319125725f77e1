package dev.juggler.engine.experts;

import dev.juggler.engine.experts.RoutingTrace.LayerShape;
import dev.juggler.kernel.ExpertCachePolicy;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Plays a recorded routing again, with places in fast memory for some experts, and counts how many
 * choices find their expert there: for each policy, and for experts that stay.
 */
public final class TraceReplay {
    /** Experts that stay: the first ids. */
    public static final String UNIFORM = "uniform";

    /** Experts that stay: those that this very trace uses most, which nobody knows beforehand. */
    public static final String HINDSIGHT = "frequency (of this trace)";

    private final RoutingTrace trace;
    private final Map<Integer, Integer> places;
    private final int moves;

    /**
     * How one way to choose did.
     *
     * @param hitRate share of all choices that found their expert
     * @param hitRateOfSingleRows the same of steps of one row: generation
     * @param movesPerStep experts that were brought to fast memory
     */
    public record Result(
            String policy, double hitRate, double hitRateOfSingleRows, double movesPerStep) {}

    /**
     * @param places of each layer; layers without any are left out
     * @param moves most experts that a step brings
     */
    public TraceReplay(RoutingTrace trace, Map<Integer, Integer> places, int moves) {
        this.trace = trace;
        this.places = new TreeMap<>(places);
        this.moves = moves;
    }

    /**
     * Plays the trace once for each policy, and for experts that stay.
     *
     * @throws IOException if the trace cannot be read
     */
    public List<Result> run(ExpertCachePolicies policies) throws IOException {
        Map<Integer, long[]> uses = new TreeMap<>();
        trace.layers().forEach((layer, shape) -> uses.put(layer, new long[shape.experts()]));
        trace.read((layer, rows, ids) -> {
            long[] counted = uses.getOrDefault(layer, new long[0]);
            IntStream.of(ids).filter(id -> id >= 0).forEach(id -> counted[id]++);
        });
        List<Result> results = new ArrayList<>();
        for (String name : policies.names()) {
            results.add(play(new Run(name, policies, Map.of())));
        }
        results.add(play(new Run(UNIFORM, null, Map.of())));
        results.add(play(new Run(HINDSIGHT, null, uses)));
        return results;
    }

    private Result play(Run run) throws IOException {
        trace.read(run::chosen);
        return run.result();
    }

    /** One play. */
    private final class Run {
        private final String name;
        private final Map<Integer, Residents> layers = new TreeMap<>();
        private final MoveTurns turns = new MoveTurns(moves);
        private final boolean fixed;
        private long hits;
        private long choices;
        private long singleHits;
        private long singleChoices;
        private long moved;
        private long steps;
        private int lastLayer = Integer.MAX_VALUE;

        /**
         * @param policies null for experts that stay
         * @param uses by which experts are in order at the beginning; without, by id
         */
        Run(String name, @Nullable ExpertCachePolicies policies, Map<Integer, long[]> uses) {
            this.name = name;
            fixed = policies == null;
            places.forEach((layer, count) -> {
                LayerShape shape = trace.layers().get(layer);
                if (shape == null) {
                    throw new IllegalArgumentException("the trace has no layer " + layer);
                }
                long[] used = uses.getOrDefault(layer, new long[shape.experts()]);
                List<Integer> order =
                        IntStream.range(0, shape.experts())
                                .boxed()
                                .sorted(Comparator.comparingLong((Integer id) -> -used[id]))
                                .toList();
                ExpertCachePolicy policy =
                        policies == null
                                ? new Staying()
                                : policies.open(name, shape.experts(), count);
                layers.put(
                        layer,
                        new Residents(shape.experts(), order, order.subList(0, count), policy));
            });
        }

        void chosen(int layer, int rows, int[] ids) {
            steps += layer <= lastLayer ? 1 : 0;
            lastLayer = layer;
            Residents residents = layers.get(layer);
            if (residents == null) {
                return;
            }
            if (residents.isMoving()) {
                residents.arrived();
            }
            for (int id : ids) {
                if (id >= 0) {
                    residents.used(id);
                    count(rows, residents.places()[id] != Residents.NOWHERE);
                }
            }
            if (residents.endStep(!fixed && turns.mayMove(layer)) != null) {
                turns.moved();
                moved++;
            }
        }

        private void count(int rows, boolean hit) {
            choices++;
            hits += hit ? 1 : 0;
            singleChoices += rows == 1 ? 1 : 0;
            singleHits += rows == 1 && hit ? 1 : 0;
        }

        Result result() {
            return new Result(
                    name,
                    share(hits, choices),
                    share(singleHits, singleChoices),
                    share(moved, steps));
        }
    }

    private static double share(long part, long all) {
        return all == 0 ? 0 : (double) part / all;
    }

    private static final class Staying implements ExpertCachePolicy {
        @Override
        public void used(int expert) {}

        @Override
        public int victim(int wanted, int[] resident) {
            return NONE;
        }
    }
}
