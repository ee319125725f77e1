package dev.juggler.engine.scheduler;

import java.util.List;

/**
 * How the rows of a step are shared: one for each sequence that generates; the rest evenly for the
 * prompts, what a short one does not need going to the earliest of the others. Sequences that are
 * parked have none.
 */
final class RowShares {
    private final int[] share;

    /**
     * @param sequences most sequences that run at the same time
     */
    RowShares(int sequences) {
        share = new int[sequences];
    }

    /** Rows of the sequence with this index. */
    int of(int index) {
        return share[index];
    }

    /**
     * Shares the rows of a step.
     *
     * @param running in order of admission
     * @param rows most rows of a step, at least one for each sequence
     * @param now in the terms of {@link System#nanoTime}
     */
    void share(List<Sequence> running, int rows, long now) {
        int left = rows;
        int prompts = 0;
        for (int index = 0; index < running.size(); index++) {
            Sequence sequence = running.get(index);
            share[index] = sequence.park(now) ? 0 : 1;
            left -= share[index];
            prompts += share[index] == 1 && pending(sequence) > 1 ? 1 : 0;
        }
        if (prompts == 0) {
            return;
        }
        int even = left / prompts;
        for (int round = 0; round < 2; round++) { // an even share each, then what is left
            for (int index = 0; index < running.size(); index++) {
                if (share[index] > 0) {
                    int most = round == 0 ? even : left;
                    int more = Math.min(pending(running.get(index)) - share[index], most);
                    share[index] += more;
                    left -= more;
                }
            }
        }
    }

    private static int pending(Sequence sequence) {
        return sequence.length() - sequence.computed();
    }
}
