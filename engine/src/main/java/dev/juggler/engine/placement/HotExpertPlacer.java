package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import dev.juggler.engine.placement.PlacementRule.HotExperts;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Moves the experts that {@code hot} blocks of rules choose to the devices that these name. */
final class HotExpertPlacer {
    private final PlacementRules rules;
    private final int layerCount;
    private final List<PlacedWeight> weights;
    private final Function<String, ExpertUse> profiles;
    private final @Nullable ExpertUse use;
    private final Map<Expert, Choice> chosen = new TreeMap<>();

    /** An expert of a layer: its part of all the layer's stacks. */
    private record Expert(int layer, int id) implements Comparable<Expert> {
        @Override
        public int compareTo(Expert other) {
            return Comparator.comparingInt(Expert::layer)
                    .thenComparingInt(Expert::id)
                    .compare(this, other);
        }
    }

    private record Choice(String device, Decision decision) {}

    /**
     * @param profiles reads the routing profile that a rule names
     * @param use how often experts are used where a rule names no profile, or null
     */
    HotExpertPlacer(
            PlacementRules rules,
            List<PlacedWeight> weights,
            Function<String, ExpertUse> profiles,
            @Nullable ExpertUse use) {
        this.rules = rules;
        this.weights = weights;
        this.profiles = profiles;
        this.use = use;
        layerCount = 1 + weights.stream().mapToInt(p -> p.weight().layer()).max().orElse(-1);
    }

    /** The weights with the chosen experts on their devices. */
    List<PlacedWeight> place() {
        Set<Expert> spoken = new HashSet<>();
        for (PlacementRule rule : rules.rules()) {
            HotExperts hot = rule.hot();
            if (hot != null) {
                Map<Expert, Long> matched = matched(rule, hot.device());
                matched.keySet().removeAll(spoken); // the first rule that speaks of them decides
                spoken.addAll(matched.keySet());
                choose(rule, hot, matched);
            }
        }
        return chosen.isEmpty() ? weights : weights.stream().map(this::moved).toList();
    }

    /** Experts that the rule is about and that are not there anyway, with their bytes. */
    private Map<Expert, Long> matched(PlacementRule rule, String device) {
        Map<Expert, Long> matched = new TreeMap<>();
        for (PlacedWeight placed : weights) {
            WeightDescriptor weight = placed.weight();
            if (weight.role() != Role.EXPERTS || !rule.match().matches(weight, layerCount)) {
                continue;
            }
            for (Shard shard : placed.shards()) {
                for (int e = shard.firstExpert(); e < shard.firstExpert() + shard.experts(); e++) {
                    if (rule.match().includesExpert(e, weight.experts())
                            && !shard.device().equals(device)) {
                        long bytes = weight.bytes() / weight.experts();
                        matched.merge(new Expert(weight.layer(), e), bytes, Long::sum);
                    }
                }
            }
        }
        return matched;
    }

    private void choose(PlacementRule rule, HotExperts hot, Map<Expert, Long> matched) {
        List<Expert> order = new ArrayList<>(matched.keySet());
        switch (hot.choose()) {
            case "first" -> {} // layer by layer
            case "uniform" -> order.sort(Comparator.comparingInt(Expert::id)); // by layer within
            default -> {
                ExpertUse known = hot.profile() == null ? use : profiles.apply(hot.profile());
                if (known == null) {
                    throw new PlacementException(
                            "%s: hot.choose = %s needs a profile; record one with juggler profile, or choose uniform or first"
                                    .formatted(rule, hot.choose()));
                }
                order.sort(
                        Comparator.comparingDouble((Expert e) -> known.share(e.layer, e.id))
                                .reversed()
                                .thenComparing(Comparator.naturalOrder()));
            }
        }
        Decision decision =
                new Decision(rule.number(), "%s; hot, %s".formatted(rule.match(), hot.choose()));
        long left = hot.memory();
        for (Expert expert : order) {
            long bytes = matched.getOrDefault(expert, 0L);
            if (bytes <= left) {
                left -= bytes;
                chosen.put(expert, new Choice(hot.device(), decision));
            }
        }
    }

    private PlacedWeight moved(PlacedWeight placed) {
        WeightDescriptor weight = placed.weight();
        if (weight.role() != Role.EXPERTS || weight.experts() == 0) {
            return placed;
        }
        List<Shard> shards = new ArrayList<>();
        for (Shard shard : placed.shards()) {
            for (int e = shard.firstExpert(); e < shard.firstExpert() + shard.experts(); e++) {
                Choice choice = chosen.get(new Expert(weight.layer(), e));
                shards.add(
                        new Shard(
                                e,
                                1,
                                weight.bytes() / weight.experts(),
                                choice == null ? shard.device() : choice.device,
                                shard.kernel(),
                                choice == null ? shard.decision() : choice.decision));
            }
        }
        return new PlacedWeight(weight, PlacementResolver.joined(shards));
    }
}
