package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;

/**
 * Experts of one layer in main memory that come one layer later, for tokens that are generated: the
 * processor computes them while a device is busy with the next layer's attention.
 *
 * @param layer the layer that leaves them to the next, from 0
 * @param experts how many of those that a token was sent to, the ones with the least weight
 * @param decision what decided this
 */
public record Deferral(int layer, int experts, Decision decision) {
    public Deferral {
        if (layer < 0 || experts < 1) {
            throw new IllegalArgumentException(
                    "layer %d leaves %d experts to the next".formatted(layer, experts));
        }
    }
}
