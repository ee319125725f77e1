package dev.juggler.engine.placement;

import dev.juggler.engine.experts.EvenPlaces;
import dev.juggler.engine.experts.EvenPlaces.Want;
import dev.juggler.engine.placement.PlacedWeight.Decision;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import dev.juggler.engine.placement.PlacementRule.HotExperts;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Moves the experts that {@code hot} blocks of rules choose to the devices that these name, or
 * gives them places there that they share.
 */
final class HotExpertPlacer {
    private final PlacementRules rules;
    private final int layerCount;
    private final Placement ruled;
    private final String host;
    private final List<PlacedWeight> weights;
    private final Function<String, ExpertUse> profiles;
    private final @Nullable ExpertUse use;
    private final Map<Expert, Choice> chosen = new TreeMap<>();
    private final List<LiveExperts> live = new ArrayList<>();
    private final Set<Expert> goingHome = new HashSet<>();
    private final List<String> warnings;

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
     * @param ruled where rules have put the experts
     * @param host the device of experts that are left to {@code auto} and come and go elsewhere
     * @param profiles reads the routing profile that a rule names
     * @param use how often experts are used where a rule names no profile, or null
     */
    HotExpertPlacer(
            PlacementRules rules,
            Placement ruled,
            String host,
            Function<String, ExpertUse> profiles,
            @Nullable ExpertUse use) {
        this.rules = rules;
        this.ruled = ruled;
        this.host = host;
        this.weights = ruled.weights();
        this.profiles = profiles;
        this.use = use;
        warnings = new ArrayList<>(ruled.warnings());
        layerCount = 1 + weights.stream().mapToInt(p -> p.weight().layer()).max().orElse(-1);
    }

    /** The placement with the chosen experts on their devices. */
    Placement place() {
        Set<Expert> spoken = new HashSet<>();
        for (PlacementRule rule : rules.rules()) {
            HotExperts hot = rule.hot();
            if (hot != null) {
                Map<Expert, Long> matched = matched(rule, hot.device());
                matched.keySet().removeAll(spoken); // the first rule that speaks of them decides
                spoken.addAll(matched.keySet());
                if (matched.isEmpty()) {
                    warnings.add(
                            "%s; hot has no effect: it matches no experts that are elsewhere than on %s and that no rule before it keeps; remove it"
                                    .formatted(rule, hot.device()));
                } else if (hot.isLive()) {
                    keepSome(rule, hot, matched);
                } else {
                    choose(rule, hot, matched);
                }
            }
        }
        boolean changed = !chosen.isEmpty() || !goingHome.isEmpty();
        return new Placement(
                changed ? weights.stream().map(this::moved).toList() : weights,
                live,
                ruled.defaultDevice(),
                warnings);
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
                ExpertUse known = use(hot);
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
        if (left == hot.memory()) {
            warnings.add(
                    "%s; hot has no effect: hot.memory has room for %d bytes, but an expert has %d; give it more"
                            .formatted(rule, hot.memory(), Collections.min(matched.values())));
        }
    }

    private @Nullable ExpertUse use(HotExperts hot) {
        return hot.profile() == null ? use : profiles.apply(hot.profile());
    }

    /**
     * Gives each layer the same number of places, as far as the memory goes; what is left gives one
     * more to the first layers. At the beginning those have them that are used most, if that is
     * known.
     */
    private void keepSome(PlacementRule rule, HotExperts hot, Map<Expert, Long> matched) {
        TreeMap<Integer, List<Integer>> layers = new TreeMap<>();
        matched.keySet()
                .forEach(e -> layers.computeIfAbsent(e.layer, l -> new ArrayList<>()).add(e.id));
        layers.keySet().removeIf(layer -> live.stream().anyMatch(known -> known.layer() == layer));
        Map<Integer, Want> wants = new TreeMap<>();
        layers.forEach((layer, ids) -> wants.put(layer, new Want(ids.size(), expertBytes(layer))));
        Map<Integer, Integer> places = EvenPlaces.of(wants, hot.memory());
        if (places.isEmpty() && !layers.isEmpty()) {
            throw new PlacementException(
                    "%s: hot.memory has room for %d bytes, but an expert has %d; give it more"
                            .formatted(rule, hot.memory(), expertBytes(layers.firstKey())));
        }
        ExpertUse known = use(hot);
        Decision decision =
                new Decision(rule.number(), "%s; hot, %s".formatted(rule.match(), hot.choose()));
        places.forEach((layer, count) -> {
            List<Integer> ids = layers.getOrDefault(layer, List.of());
            if (known != null) {
                ids.sort(
                        Comparator.comparingDouble((Integer id) -> known.share(layer, id))
                                .reversed()
                                .thenComparing(Comparator.naturalOrder()));
            }
            ids.forEach(id -> goingHome.add(new Expert(layer, id)));
            live.add(
                    new LiveExperts(
                            layer,
                            hot.device(),
                            hot.choose(),
                            count,
                            hot.moves(),
                            ids,
                            expertBytes(layer),
                            decision));
        });
    }

    /** Of all the stacks of a layer: an expert is kept whole. */
    private long expertBytes(int layer) {
        return weights.stream()
                .map(PlacedWeight::weight)
                .filter(weight -> weight.layer() == layer && weight.experts() > 0)
                .mapToLong(weight -> weight.bytes() / weight.experts())
                .sum();
    }

    /** Experts that come and go have a device to go home to, which {@code auto} is not. */
    private String home(Shard shard, Expert expert) {
        return shard.device().equals(PlacementRules.AUTO) && goingHome.contains(expert)
                ? host
                : shard.device();
    }

    private PlacedWeight moved(PlacedWeight placed) {
        WeightDescriptor weight = placed.weight();
        if (weight.role() != Role.EXPERTS || weight.experts() == 0) {
            return placed;
        }
        List<Shard> shards = new ArrayList<>();
        for (Shard shard : placed.shards()) {
            for (int e = shard.firstExpert(); e < shard.firstExpert() + shard.experts(); e++) {
                Expert expert = new Expert(weight.layer(), e);
                Choice choice = chosen.get(expert);
                shards.add(
                        new Shard(
                                e,
                                1,
                                weight.bytes() / weight.experts(),
                                choice == null ? home(shard, expert) : choice.device,
                                shard.kernel(),
                                choice == null ? shard.decision() : choice.decision));
            }
        }
        return new PlacedWeight(weight, PlacementResolver.joined(shards));
    }
}
