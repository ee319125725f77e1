package dev.juggler.engine.experts;

import java.util.Map;
import java.util.TreeMap;

/** Shares memory among layers so that each gets the same number of places for experts. */
public final class EvenPlaces {
    private EvenPlaces() {}

    /**
     * What a layer could have.
     *
     * @param experts how many want a place
     * @param expertBytes size of one
     */
    public record Want(int experts, long expertBytes) {}

    /**
     * How many places each layer gets: the same number, as far as the memory goes, and one more for
     * the first layers from what is left. Layers that get none are missing.
     */
    public static Map<Integer, Integer> of(Map<Integer, Want> layers, long memory) {
        Map<Integer, Integer> places = new TreeMap<>();
        long left = memory;
        boolean more = true;
        while (more) {
            more = false;
            for (Map.Entry<Integer, Want> layer : new TreeMap<>(layers).entrySet()) {
                Want want = layer.getValue();
                int count = places.getOrDefault(layer.getKey(), 0);
                if (count < want.experts && want.expertBytes <= left) {
                    places.put(layer.getKey(), count + 1);
                    left -= want.expertBytes;
                    more = true;
                }
            }
        }
        return places;
    }
}
