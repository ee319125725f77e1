package dev.juggler.engine.experts;

import dev.juggler.kernel.ExpertCachePolicy;

/**
 * Keeps the experts that were used last: who was just used takes the place of who was not used for
 * the longest time. Experts that were used in the same step are worth the same.
 */
final class LeastRecentlyUsed implements ExpertCachePolicy {
    private final long[] lastStep;
    private long step = 1;

    LeastRecentlyUsed(int experts) {
        lastStep = new long[experts];
    }

    @Override
    public void used(int expert) {
        lastStep[expert] = step;
    }

    @Override
    public void stepEnded() {
        step++;
    }

    @Override
    public int victim(int wanted, int[] resident) {
        int oldest = resident[0];
        for (int expert : resident) {
            oldest = lastStep[expert] < lastStep[oldest] ? expert : oldest;
        }
        return lastStep[oldest] < lastStep[wanted] ? oldest : NONE;
    }
}
