package dev.juggler.engine.device;

import dev.juggler.engine.placement.WeightDescriptor;

/** Which device holds a weight: a placement, as loading sees it. */
@FunctionalInterface
public interface WeightDevices {
    /** The device of one expert of a stack. */
    String device(WeightDescriptor stack, int expert);

    /** The device of a weight that is no stack of experts. */
    default String device(WeightDescriptor weight) {
        return device(weight, 0);
    }

    /** Everything on one device. */
    static WeightDevices all(String device) {
        return (weight, expert) -> device;
    }
}
