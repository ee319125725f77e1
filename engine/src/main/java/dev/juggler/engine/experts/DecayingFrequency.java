package dev.juggler.engine.experts;

import dev.juggler.kernel.ExpertCachePolicy;

/**
 * Keeps the experts that are used most, where a use counts half after some hundred rows: it follows
 * a change of topic, and a single use displaces nobody. (Counting with exponential decay: LRFU, Lee
 * et al. 2001.)
 */
final class DecayingFrequency implements ExpertCachePolicy {
    /** Uses of experts, for each expert of the layer, after which a use counts half. */
    private static final double HALF_LIFE = 16;

    /** How much more an expert must be worth: moving it costs something too. */
    private static final double WORTH_MOVING = 1.1;

    /** Before counts grow too large for a double they are all made smaller. */
    private static final double LARGE = 1e150;

    private final double[] counts;
    private final double growth;

    /** What a use counts now: counting ever more is the same as letting all counts decay. */
    private double weight = 1;

    DecayingFrequency(int experts) {
        counts = new double[experts];
        growth = Math.pow(2, 1 / (HALF_LIFE * experts));
    }

    @Override
    public void used(int expert) {
        counts[expert] += weight;
        weight *= growth;
        if (weight > LARGE) {
            for (int i = 0; i < counts.length; i++) {
                counts[i] /= weight;
            }
            weight = 1;
        }
    }

    @Override
    public int victim(int wanted, int[] resident) {
        int rarest = resident[0];
        for (int expert : resident) {
            rarest = counts[expert] < counts[rarest] ? expert : rarest;
        }
        return counts[wanted] > WORTH_MOVING * counts[rarest] ? rarest : NONE;
    }
}
