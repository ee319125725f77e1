package dev.juggler.engine.cache;

/**
 * Layers that see equally far: they store the same positions, so one page table serves all of them.
 *
 * <p>Layers with a sliding window use the pages of a sequence in turn: where a row stands, the page
 * that it overwrites holds nothing any more that a row of this step sees.
 *
 * @param window positions that a row sees, its own included; 0: all
 * @param pages pages of each of these layers
 * @param pagesOfSequence most pages that one sequence uses
 */
public record PageGroup(int window, int pages, int pagesOfSequence) {
    public PageGroup {
        if (window < 0 || pagesOfSequence < 1 || pages < pagesOfSequence) {
            throw new IllegalArgumentException(
                    "a window of %d, %d pages for a sequence of %d in all"
                            .formatted(window, pagesOfSequence, pages));
        }
    }

    /**
     * Pages that layers with a sliding window need for one sequence.
     *
     * @param window positions that a row sees, at least 1
     * @param rows most rows of a sequence in a step: its last row is stored before its first looks
     *     back
     */
    static int ring(int window, int rows, int pageSize) {
        long apart = (long) window + rows - 2; // from the earliest position seen to the last stored
        return (int) Math.min(Integer.MAX_VALUE, (apart + pageSize - 1) / pageSize + 1);
    }

    /**
     * Pages that a sequence of {@code positions} positions uses; without a window that may be more
     * than there are.
     */
    public int pagesFor(int positions, int pageSize) {
        int all = KvCachePlan.pagesFor(positions, pageSize);
        return window == 0 ? all : Math.min(pagesOfSequence, all);
    }
}
