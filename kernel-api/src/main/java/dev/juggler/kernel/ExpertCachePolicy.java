package dev.juggler.kernel;

/**
 * Decides which experts of one layer are worth their place in fast memory while a model runs:
 * {@code hot { choose = lru }} and its like. Each layer has an object of its own, which one thread
 * uses. What it decides changes the speed of a model, never what it computes.
 */
public interface ExpertCachePolicy {
    /** What {@link #victim} answers to keep all. */
    int NONE = -1;

    /**
     * A row was sent to an expert, which may be resident or not. Rows of a step come one after the
     * other, as the router has chosen.
     *
     * @param expert its id in the layer, from 0
     */
    void used(int expert);

    /** All uses of a step have been told; {@link #victim} may be asked next. */
    default void stepEnded() {}

    /**
     * Which resident expert makes room for another that was used in this step. It is asked as often
     * as experts may move, so perhaps not at all.
     *
     * @param wanted id of an expert that is not resident
     * @param resident ids of those that could leave, at least one, rising
     * @return one of {@code resident}, or {@link #NONE} if {@code wanted} is not worth more than
     *     any
     */
    int victim(int wanted, int[] resident);
}
