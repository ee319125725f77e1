package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Shard;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Where each weight of a model lives. */
public final class Placement {
    private final Map<WeightDescriptor, PlacedWeight> weights = new LinkedHashMap<>();
    private final Map<Integer, LiveExperts> live = new TreeMap<>();
    private final Map<Integer, StreamedExperts> streamed = new TreeMap<>();
    private final Map<Integer, Deferral> deferrals = new TreeMap<>();
    private final String defaultDevice;
    private final List<String> warnings;

    Placement(
            List<PlacedWeight> weights,
            List<LiveExperts> live,
            String defaultDevice,
            List<String> warnings) {
        weights.forEach(placed -> this.weights.put(placed.weight(), placed));
        live.forEach(experts -> this.live.put(experts.layer(), experts));
        this.defaultDevice = defaultDevice;
        this.warnings = List.copyOf(warnings);
    }

    /** All weights, in the order in which the model named them. */
    public List<PlacedWeight> weights() {
        return List.copyOf(weights.values());
    }

    /** Experts that come and go on faster devices while the model runs, in the order of layers. */
    public List<LiveExperts> liveExperts() {
        return List.copyOf(live.values());
    }

    /** The same placement with experts that cross a link in steps of many rows. */
    Placement withStreams(List<StreamedExperts> streams, List<String> more) {
        List<String> all = new ArrayList<>(warnings);
        all.addAll(more);
        Placement with = new Placement(weights(), liveExperts(), defaultDevice, all);
        streams.forEach(experts -> with.streamed.put(experts.layer(), experts));
        return with;
    }

    /** The same placement with experts that come one layer later. */
    Placement withDeferrals(List<Deferral> later, List<String> more) {
        Placement with = withStreams(streamedExperts(), more);
        later.forEach(deferral -> with.deferrals.put(deferral.layer(), deferral));
        return with;
    }

    /** Experts that come one layer later, in the order of layers. */
    public List<Deferral> deferrals() {
        return List.copyOf(deferrals.values());
    }

    /** Those of a layer, or null if it leaves none to the next. */
    public @Nullable Deferral deferral(int layer) {
        return deferrals.get(layer);
    }

    /** Experts that cross a link in steps of many rows, in the order of layers. */
    public List<StreamedExperts> streamedExperts() {
        return List.copyOf(streamed.values());
    }

    /** Those of a layer, or null if its experts stay where they are. */
    public @Nullable StreamedExperts streamedExperts(int layer) {
        return streamed.get(layer);
    }

    /** Those of a layer, or null if none of its experts come and go. */
    public @Nullable LiveExperts liveExperts(int layer) {
        return live.get(layer);
    }

    /** Device of everything that is no weight and belongs to no layer. */
    public String defaultDevice() {
        return defaultDevice;
    }

    /** For people: rules, or properties of rules, that have no effect. */
    public List<String> warnings() {
        return warnings;
    }

    /**
     * Where a weight lives.
     *
     * @throws IllegalArgumentException if the model has no such weight
     */
    public PlacedWeight of(WeightDescriptor weight) {
        PlacedWeight placed = weights.get(weight);
        if (placed == null) {
            throw new IllegalArgumentException(
                    "no weight %s of role %s is placed".formatted(weight.name(), weight.role()));
        }
        return placed;
    }

    /**
     * The device of one expert of a stack, or with expert 0 of a weight that is none.
     *
     * @throws IllegalArgumentException if the model has no such weight or expert
     */
    public String device(WeightDescriptor weight, int expert) {
        for (Shard shard : of(weight).shards()) {
            int end = shard.firstExpert() + Math.max(shard.experts(), 1);
            if (expert >= shard.firstExpert() && expert < end) {
                return shard.device();
            }
        }
        throw new IllegalArgumentException(
                "%s has no expert %d of %d".formatted(weight.name(), expert, weight.experts()));
    }

    /** The {@code placement} block of a configuration that gives this placement again. */
    public String hocon() {
        return PlacementHocon.of(this);
    }

    /** All devices that something lives on. */
    public Set<String> devices() {
        Set<String> devices = new LinkedHashSet<>();
        for (PlacedWeight placed : weights.values()) {
            placed.shards().forEach(shard -> devices.add(shard.device()));
        }
        live.values().forEach(experts -> devices.add(experts.device()));
        streamed.values().forEach(experts -> devices.add(experts.device()));
        return devices;
    }

    /**
     * Where the cache of a layer lives: with the first of the layer's attention weights, whose
     * device does the attention; the default device where a layer has none.
     */
    public String cacheDevice(int layer) {
        return weights.values().stream()
                .filter(placed -> placed.weight().layer() == layer)
                .filter(placed -> placed.weight().role() == Role.ATTENTION)
                .findFirst()
                .map(placed -> placed.shards().getFirst().device())
                .orElse(defaultDevice);
    }
}
