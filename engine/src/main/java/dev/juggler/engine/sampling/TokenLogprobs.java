package dev.juggler.engine.sampling;

/**
 * Natural log probabilities of a chosen token and of the most probable ones, before temperature and
 * filters.
 */
public final class TokenLogprobs {
    private final int chosen;
    private final double chosenLogprob;
    private final int[] ids;
    private final double[] logprobs;

    TokenLogprobs(int chosen, double chosenLogprob, int[] ids, double[] logprobs) {
        this.chosen = chosen;
        this.chosenLogprob = chosenLogprob;
        this.ids = ids;
        this.logprobs = logprobs;
    }

    /** The chosen token. */
    public int chosen() {
        return chosen;
    }

    /** Its log probability. */
    public double chosenLogprob() {
        return chosenLogprob;
    }

    /** How many of the most probable tokens are listed. */
    public int size() {
        return ids.length;
    }

    /** The token at {@code rank}, 0 being the most probable. */
    public int id(int rank) {
        return ids[rank];
    }

    /** Its log probability. */
    public double logprob(int rank) {
        return logprobs[rank];
    }
}
