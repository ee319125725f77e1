package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Decides which layers leave experts to the next one: those of which a rule says so ({@code
 * defer}), that have experts in main memory, and whose next layer has experts too and computes its
 * attention on a device that works by itself. In all others it would change results and save no
 * time.
 */
final class DeferralPlacer {
    private final PlacementRules rules;
    private final Placement placed;
    private final Hardware hardware;
    private final List<WeightDescriptor> stacks;
    private final int layerCount;

    DeferralPlacer(PlacementRules rules, Placement placed, Hardware hardware) {
        this.rules = rules;
        this.placed = placed;
        this.hardware = hardware;
        List<WeightDescriptor> weights =
                placed.weights().stream().map(PlacedWeight::weight).toList();
        stacks = weights.stream().filter(weight -> weight.experts() > 0).toList();
        layerCount = 1 + weights.stream().mapToInt(WeightDescriptor::layer).max().orElse(-1);
    }

    /** The placement with what the rules say and what of it has no effect. */
    Placement place() {
        Map<Integer, PlacementRule> speaking = new TreeMap<>();
        for (PlacementRule rule : rules.rules()) {
            if (rule.defer() != null) {
                layers(rule).forEach(layer -> speaking.putIfAbsent(layer, rule));
            }
        }
        List<Deferral> deferrals = new ArrayList<>();
        TreeSet<Integer> without = new TreeSet<>();
        speaking.forEach((layer, rule) -> {
            Integer experts = rule.defer();
            if (experts == null || experts == 0) {
                return;
            }
            if (!isOnHost(layer) || !nextLayerIsBusy(layer)) {
                without.add(layer);
                return;
            }
            Decision decision =
                    new Decision(
                            rule.number(),
                            "%s; defer, %d of a generated token's experts in main memory come one layer later"
                                    .formatted(rule.match(), experts));
            deferrals.add(new Deferral(layer, experts, decision));
        });
        List<String> warnings = new ArrayList<>();
        if (deferrals.isEmpty() && !without.isEmpty()) {
            warnings.add(
                    "defer has no effect: it needs experts in main memory, and behind them a layer with experts whose attention is on a device with memory of its own");
        }
        return placed.withDeferrals(deferrals, warnings);
    }

    /** Layers of which the rule matches all stacks: an expert comes whole. */
    private Set<Integer> layers(PlacementRule rule) {
        TreeSet<Integer> layers = new TreeSet<>();
        stacks.forEach(stack -> layers.add(stack.layer()));
        for (WeightDescriptor stack : stacks) {
            if (!rule.match().matches(stack, layerCount)) {
                layers.remove(stack.layer());
            }
        }
        return layers;
    }

    private boolean isOnHost(int layer) {
        return stacks.stream()
                .filter(stack -> stack.layer() == layer)
                .flatMap(stack -> placed.of(stack).shards().stream())
                .anyMatch(shard -> hardware.isHost(shard.device()));
    }

    private boolean nextLayerIsBusy(int layer) {
        return stacks.stream().anyMatch(stack -> stack.layer() == layer + 1)
                && !hardware.isHost(placed.cacheDevice(layer + 1));
    }
}
