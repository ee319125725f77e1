package dev.juggler.engine.device;

import dev.juggler.engine.placement.PlacedWeight;
import dev.juggler.engine.placement.PlacedWeight.Shard;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.Role;
import dev.juggler.engine.placement.WeightDescriptor;
import java.util.HashMap;
import java.util.Map;

/** Which device holds a weight: a placement, as loading sees it. */
@FunctionalInterface
public interface WeightDevices {
    /** The device of one expert of a stack; of a weight that is no stack the expert is 0. */
    String device(WeightDescriptor weight, int expert);

    /**
     * The device of a layer's keys and values.
     *
     * @param attention the first weight of the layer's attention
     */
    default String cacheDevice(int layer, WeightDescriptor attention) {
        return device(attention, 0);
    }

    /** Everything on one device. */
    static WeightDevices all(String device) {
        return (weight, expert) -> device;
    }

    /** As a placement says. */
    static WeightDevices of(Placement placement) {
        record Key(String name, Role role) {}
        Map<Key, PlacedWeight> weights = new HashMap<>();
        for (PlacedWeight placed : placement.weights()) {
            weights.put(new Key(placed.weight().name(), placed.weight().role()), placed);
        }
        return new WeightDevices() {
            @Override
            public String device(WeightDescriptor weight, int expert) {
                PlacedWeight placed = weights.get(new Key(weight.name(), weight.role()));
                if (placed == null) {
                    throw new IllegalArgumentException(
                            "weight %s is not placed".formatted(weight.name()));
                }
                for (Shard shard : placed.shards()) {
                    if (expert < shard.firstExpert() + Math.max(1, shard.experts())) {
                        return shard.device();
                    }
                }
                throw new IllegalArgumentException(
                        "expert %d of %s is not placed".formatted(expert, weight.name()));
            }

            @Override
            public String cacheDevice(int layer, WeightDescriptor attention) {
                return placement.cacheDevice(layer);
            }
        };
    }
}
