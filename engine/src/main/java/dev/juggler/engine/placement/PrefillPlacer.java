package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.PlacementRule.PrefillDevice;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.ToDoubleBiFunction;

/**
 * Decides from how many rows on the experts that {@code prefill} blocks of rules match cross the
 * link to another device: where the arithmetic of {@link Predictor} says that a step is faster so.
 */
final class PrefillPlacer {
    /** Where nobody says how much memory the buffers may take: this part of the device's. */
    private static final int PART_OF_MEMORY = 8;

    /** Steps are not larger. */
    private static final int MOST_ROWS = 1 << 16;

    private final PlacementRules rules;
    private final Map<Integer, Stacks> stacks = new TreeMap<>();
    private final List<WeightDescriptor> weights;
    private final int layerCount;
    private final List<String> warnings = new ArrayList<>();

    /** The stacks of a layer. */
    private record Stacks(int experts, List<Long> expertBytes) {}

    PrefillPlacer(PlacementRules rules, List<WeightDescriptor> weights) {
        this.rules = rules;
        this.weights = weights;
        layerCount = 1 + weights.stream().mapToInt(WeightDescriptor::layer).max().orElse(-1);
        for (WeightDescriptor weight : weights) {
            if (weight.experts() > 0) {
                stacks.computeIfAbsent(
                                weight.layer(),
                                l -> new Stacks(weight.experts(), new ArrayList<>()))
                        .expertBytes
                        .add(weight.bytes() / weight.experts());
            }
        }
    }

    /** Rules that have no effect, for people. */
    List<String> warnings() {
        return warnings;
    }

    /**
     * What could cross, from the rows on that a rule says, {@code auto} being 1.
     *
     * @param memory of a device in bytes; buffers take a part of it where a rule does not say more
     */
    List<StreamedExperts> candidates(Map<String, Long> memory) {
        List<StreamedExperts> streams = new ArrayList<>();
        Set<Integer> spoken = new HashSet<>();
        for (PlacementRule rule : rules.rules()) {
            PrefillDevice prefill = rule.prefill();
            if (prefill != null) {
                long room = memory.getOrDefault(prefill.device(), 0L) / PART_OF_MEMORY;
                for (int layer : layers(rule)) {
                    if (spoken.add(layer)) { // the first rule that speaks of a layer decides
                        streams.add(stream(rule, prefill, layer, room));
                    }
                }
            }
        }
        Map<String, Long> largest = new TreeMap<>();
        streams.forEach(s -> largest.merge(s.device(), s.bufferBytes(), Math::max));
        return streams.stream()
                .map(s -> s.withBuffers(largest.getOrDefault(s.device(), 0L)))
                .toList();
    }

    /** Layers of which the rule matches all stacks: an expert crosses whole. */
    private Set<Integer> layers(PlacementRule rule) {
        Set<Integer> layers = new HashSet<>(stacks.keySet());
        for (WeightDescriptor weight : weights) {
            if (weight.experts() > 0 && !rule.match().matches(weight, layerCount)) {
                layers.remove(weight.layer());
            }
        }
        return layers;
    }

    private StreamedExperts stream(
            PlacementRule rule, PrefillDevice prefill, int layer, long room) {
        Stacks own = stacks.getOrDefault(layer, new Stacks(1, List.of()));
        Long asked = prefill.memory();
        long half = (asked == null ? room : asked) / 2;
        int chunk = 1;
        while (chunk < own.experts
                && StreamedExperts.chunkBytes(chunk + 1, own.expertBytes) <= half) {
            chunk++;
        }
        long bytes = StreamedExperts.chunkBytes(chunk, own.expertBytes);
        if (asked != null && bytes > half) {
            throw new PlacementException(
                    "%s: prefill.memory has two buffers of %d bytes, but an expert of layer %d has %d; give it more"
                            .formatted(rule, half, layer, bytes));
        }
        Integer whenRows = prefill.whenRows();
        return new StreamedExperts(
                layer,
                prefill.device(),
                whenRows == null ? 1 : whenRows,
                chunk,
                bytes,
                new Decision(rule.number(), rule.match() + "; prefill"));
    }

    /**
     * Those of them that make large steps faster, from the number of rows on where they do.
     *
     * @param placed where the experts live
     * @param seconds of a step of so many rows if these experts cross
     * @param stepRows most rows of a step
     */
    List<StreamedExperts> worthIt(
            List<StreamedExperts> candidates,
            Placement placed,
            Hardware hardware,
            int stepRows,
            ToDoubleBiFunction<List<StreamedExperts>, Integer> seconds) {
        List<StreamedExperts> crossing =
                candidates.stream()
                        .filter(s -> livesInMainMemory(s.layer(), placed, hardware))
                        .toList();
        if (crossing.isEmpty()) {
            warnings.add("prefill { } has no effect: no expert that it is about is in main memory");
            return crossing;
        }
        List<StreamedExperts> always = crossing.stream().map(s -> s.from(1, s.decision())).toList();
        int even = breakEven(always, seconds);
        String arithmetic = arithmetic(always, even, seconds);
        List<StreamedExperts> used = new ArrayList<>();
        Set<Decision> tooMany = new HashSet<>();
        for (StreamedExperts stream : crossing) {
            int rows = Math.max(even, stream.whenRows());
            if (rows <= stepRows) {
                String why =
                        "%s from %d rows on; %s"
                                .formatted(stream.decision().text(), rows, arithmetic);
                used.add(stream.from(rows, new Decision(stream.decision().rule(), why)));
            } else if (tooMany.add(stream.decision())) {
                String remedy =
                        rows > MOST_ROWS
                                ? "remove it"
                                : "set step-rows = %d or remove it".formatted(rows);
                warnings.add(
                        "%s has no effect: %s, and a step has at most %d; %s"
                                .formatted(stream.decision(), arithmetic, stepRows, remedy));
            }
        }
        return used;
    }

    private static String arithmetic(
            List<StreamedExperts> always,
            int even,
            ToDoubleBiFunction<List<StreamedExperts>, Integer> seconds) {
        int rows = Math.min(even, MOST_ROWS);
        return String.format(
                Locale.ROOT,
                "%s (%d rows: %.2f ms with it, %.2f ms without)",
                even > MOST_ROWS ? "it never wins" : "it wins from %d rows on".formatted(even),
                rows,
                1e3 * seconds.applyAsDouble(always, rows),
                1e3 * seconds.applyAsDouble(List.of(), rows));
    }

    private static boolean livesInMainMemory(int layer, Placement placed, Hardware hardware) {
        return placed.weights().stream()
                .filter(weight -> weight.weight().layer() == layer)
                .filter(weight -> weight.weight().experts() > 0)
                .flatMap(weight -> weight.shards().stream())
                .anyMatch(shard -> hardware.isHost(shard.device()));
    }

    /** The fewest rows of a step that is faster so; more than {@link #MOST_ROWS} if none is. */
    private static int breakEven(
            List<StreamedExperts> always,
            ToDoubleBiFunction<List<StreamedExperts>, Integer> seconds) {
        int low = 1;
        int high = MOST_ROWS + 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            boolean wins =
                    seconds.applyAsDouble(always, middle)
                            < seconds.applyAsDouble(List.of(), middle);
            if (wins) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}
