package dev.juggler.engine.device;

import dev.juggler.engine.placement.Deferral;
import dev.juggler.engine.placement.LiveExperts;
import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.StreamedExperts;
import dev.juggler.engine.placement.WeightDescriptor;
import org.jspecify.annotations.Nullable;

/** Which device holds a weight: a placement, as loading sees it. */
@FunctionalInterface
public interface WeightDevices {
    /** The device of one expert of a stack; of a weight that is no stack the expert is 0. */
    String device(WeightDescriptor weight, int expert);

    /** Experts of a layer that come and go on another device, or null if all stay. */
    default @Nullable LiveExperts live(int layer) {
        return null;
    }

    /** Experts of a layer that cross a link in steps of many rows, or null if all stay. */
    default @Nullable StreamedExperts streamed(int layer) {
        return null;
    }

    /**
     * How many of a token's experts in main memory, those with the least weight, a layer leaves to
     * the next one; 0 where the next has no experts, or none has the time.
     */
    default int deferred(int layer) {
        return 0;
    }

    /** Everything on one device. */
    static WeightDevices all(String device) {
        return (weight, expert) -> device;
    }

    /** As a placement says. */
    static WeightDevices of(Placement placement) {
        return new WeightDevices() {
            @Override
            public String device(WeightDescriptor weight, int expert) {
                return placement.device(weight, expert);
            }

            @Override
            public @Nullable LiveExperts live(int layer) {
                return placement.liveExperts(layer);
            }

            @Override
            public @Nullable StreamedExperts streamed(int layer) {
                return placement.streamedExperts(layer);
            }

            @Override
            public int deferred(int layer) {
                Deferral deferral = placement.deferral(layer);
                return deferral == null ? 0 : deferral.experts();
            }
        };
    }
}
