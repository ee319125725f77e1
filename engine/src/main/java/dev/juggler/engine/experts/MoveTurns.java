package dev.juggler.engine.experts;

/**
 * Shares the moves of a step among the layers: each step begins where the last one ran out of
 * moves, so that the first layers do not have them all.
 */
public final class MoveTurns {
    private final int movesPerStep;
    private int left;
    private int turn;
    private int lastLayer = Integer.MAX_VALUE;

    /**
     * @param movesPerStep most moves of a step, at least 1
     */
    public MoveTurns(int movesPerStep) {
        this.movesPerStep = movesPerStep;
        left = movesPerStep;
    }

    /** Whether a layer may move now; layers come in rising order, and then a new step begins. */
    public boolean mayMove(int layer) {
        if (layer <= lastLayer) {
            turn = left > 0 ? 0 : turn;
            left = movesPerStep;
        }
        lastLayer = layer;
        return left > 0 && layer >= turn;
    }

    /** The layer that was asked for last has moved. */
    public void moved() {
        left--;
        if (left == 0) {
            turn = lastLayer + 1;
        }
    }
}
