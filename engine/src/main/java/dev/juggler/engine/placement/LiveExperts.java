package dev.juggler.engine.placement;

import dev.juggler.engine.placement.PlacedWeight.Decision;
import java.util.List;

/**
 * Experts of one layer of which some are also kept on a faster device, others from time to time.
 * All of them stay where the placement has them, so that each can give up its place.
 *
 * @param layer the layer, from 0
 * @param device the faster device
 * @param policy who decides, e.g. {@code lru}
 * @param places how many experts are kept at the same time, at least 1
 * @param moves most experts that one step brings to the device, of all layers together
 * @param candidates ids of the experts that may be kept, those first that are kept at the beginning
 * @param expertBytes size of one expert
 * @param decision what decided this
 */
public record LiveExperts(
        int layer,
        String device,
        String policy,
        int places,
        int moves,
        List<Integer> candidates,
        long expertBytes,
        Decision decision) {
    public LiveExperts {
        candidates = List.copyOf(candidates);
        if (places < 1 || places > candidates.size() || moves < 1) {
            throw new IllegalArgumentException(
                    "layer %d: %d places for %d experts, %d moves"
                            .formatted(layer, places, candidates.size(), moves));
        }
    }

    /** Ids of the experts that are kept at the beginning. */
    public List<Integer> first() {
        return candidates.subList(0, places);
    }

    /** Bytes that they take on the device. */
    public long bytes() {
        return places * expertBytes;
    }
}
