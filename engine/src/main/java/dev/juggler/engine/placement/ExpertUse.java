package dev.juggler.engine.placement;

/** How often experts are used: what decides which of them are worth fast memory. */
@FunctionalInterface
public interface ExpertUse {
    /**
     * The share of tokens that use an expert.
     *
     * @param layer the layer, from 0
     * @param expert id in the layer's stacks
     * @return 0 to 1; over all experts of a layer the sum is how many a token uses
     */
    double share(int layer, int expert);

    /** All experts alike: {@code used} of {@code experts}. */
    static ExpertUse even(int used, int experts) {
        double share = experts == 0 ? 0 : Math.min(1.0, (double) used / experts);
        return (layer, expert) -> share;
    }
}
