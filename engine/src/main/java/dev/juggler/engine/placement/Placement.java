package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Shard;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where each weight of a model lives.
 *
 * @param weights all weights, in the order in which the model named them
 * @param defaultDevice device of everything that is no weight and belongs to no layer
 * @param warnings for people: rules that match or decide nothing
 */
public record Placement(List<PlacedWeight> weights, String defaultDevice, List<String> warnings) {
    public Placement {
        weights = List.copyOf(weights);
        warnings = List.copyOf(warnings);
    }

    /**
     * Where a weight lives.
     *
     * @throws IllegalArgumentException if the model has no such weight in this role
     */
    public PlacedWeight of(String name, Role role) {
        return weights.stream()
                .filter(placed -> placed.weight().name().equals(name))
                .filter(placed -> placed.weight().role() == role)
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "no weight %s of role %s is placed".formatted(name, role)));
    }

    /** All devices that weights or caches live on. */
    public Set<String> devices() {
        Set<String> devices = new LinkedHashSet<>();
        devices.add(defaultDevice);
        for (PlacedWeight placed : weights) {
            placed.shards().forEach(shard -> devices.add(shard.device()));
        }
        return devices;
    }

    /**
     * Where the cache of a layer lives: with most bytes of the layer's attention, so that keys and
     * values need not move; the first of equals; the default device where a layer has none.
     */
    public String cacheDevice(int layer) {
        Map<String, Long> bytes = new LinkedHashMap<>();
        for (PlacedWeight placed : weights) {
            if (placed.weight().layer() == layer && placed.weight().role() == Role.ATTENTION) {
                for (Shard shard : placed.shards()) {
                    bytes.merge(shard.device(), shard.bytes(), Long::sum);
                }
            }
        }
        String best = defaultDevice;
        long most = -1;
        for (Map.Entry<String, Long> entry : bytes.entrySet()) {
            if (entry.getValue() > most) {
                best = entry.getKey();
                most = entry.getValue();
            }
        }
        return best;
    }
}
