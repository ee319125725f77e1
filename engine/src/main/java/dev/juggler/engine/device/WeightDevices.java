package dev.juggler.engine.device;

import dev.juggler.engine.placement.Placement;
import dev.juggler.engine.placement.WeightDescriptor;

/** Which device holds a weight: a placement, as loading sees it. */
@FunctionalInterface
public interface WeightDevices {
    /** The device of one expert of a stack; of a weight that is no stack the expert is 0. */
    String device(WeightDescriptor weight, int expert);

    /** Everything on one device. */
    static WeightDevices all(String device) {
        return (weight, expert) -> device;
    }

    /** As a placement says. */
    static WeightDevices of(Placement placement) {
        return placement::device;
    }
}
