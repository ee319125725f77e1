package dev.juggler.engine.sampling;

import java.util.Arrays;

/**
 * Tokens that may come next and their weights: either the whole vocabulary, where a token that may
 * not come has the weight 0, or those that were added. Weights are summed in blocks, so that
 * drawing one reads a block and not all.
 */
final class Candidates {
    private static final int BLOCK = LogitRow.BLOCK;
    private static final int QUARTER = BLOCK / 4;

    private final int[] ids;
    private final float[] logits;
    private final float[] weights;
    private final double[] sums;
    private final double[] partial = new double[QUARTER];
    private int count;
    private boolean whole;
    private double total;

    Candidates(int vocabularySize) {
        ids = new int[vocabularySize];
        logits = new float[vocabularySize];
        weights = new float[vocabularySize];
        sums = new double[Math.ceilDiv(vocabularySize, BLOCK)];
    }

    /** Begins an empty set. */
    void clear() {
        count = 0;
        whole = false;
        total = 0;
    }

    /** Adds a token; it has no weight before {@link #weigh}. */
    void add(int id, float logit) {
        ids[count] = id;
        logits[count++] = logit;
    }

    /** Gives each token of the set the weight {@code exp((logit - max) · factor)}. */
    void weigh(float max, float factor) {
        // A loop of its own: a compiler that has seen few tokens makes slow code for a vocabulary.
        for (int i = 0; i < count; i++) {
            weights[i] = FastExp.power((logits[i] - max) * factor);
        }
        sum();
    }

    /** Takes the whole vocabulary with these logits and weighs it likewise. */
    void weighAll(float[] all, float max, float factor) {
        takeAll(all);
        FastExp.exp(all, weights, 0, count, max, factor);
        sum();
    }

    /** Takes and weighs likewise without the sums: nothing can be drawn then. */
    void weighAllUnsummed(float[] all, float max, float factor) {
        takeAll(all);
        FastExp.exp(all, weights, 0, count, max, factor);
    }

    /**
     * Takes the whole vocabulary and weighs likewise those of its tokens whose {@link LogitRow#key}
     * is not below this one.
     *
     * @param row with the logits and their maxima
     */
    void weighFrom(LogitRow row, float max, float factor, long leastKey) {
        float least = LogitRow.logit(leastKey);
        if ((least - max) * factor < FastExp.LEAST) { // what is below it weighs nothing anyway
            weighAll(row.logits, max, factor);
            return;
        }
        takeAll(row.logits);
        for (int block = 0; block < row.maxima.length; ) {
            int end = block;
            while (end < row.maxima.length && row.maxima[end] >= least) {
                end++;
            }
            weighFrom(row.logits, block * BLOCK, end * BLOCK, max, factor, leastKey);
            for (block = end; block < row.maxima.length && row.maxima[block] < least; ) {
                block++;
            }
            Arrays.fill(weights, Math.min(count, end * BLOCK), Math.min(count, block * BLOCK), 0f);
        }
        sum();
    }

    private void weighFrom(float[] all, int from, int end, float max, float factor, long leastKey) {
        float least = LogitRow.logit(leastKey);
        int to = Math.min(end, count);
        // Behind the token of the key, those with an equal logit have a lower key.
        int middle = Math.clamp(LogitRow.id(leastKey) + 1L, from, to);
        FastExp.expFrom(all, weights, from, middle, max, factor, least);
        FastExp.expFrom(all, weights, middle, to, max, factor, Math.nextUp(least));
    }

    private void takeAll(float[] all) {
        whole = true;
        count = all.length;
    }

    /** How many tokens. */
    int count() {
        return count;
    }

    /** The token at place {@code index}. */
    int id(int index) {
        return whole ? index : ids[index];
    }

    /** The weight of the token at place {@code index}. */
    float weight(int index) {
        return weights[index];
    }

    /** The sum of all weights. */
    double total() {
        return total;
    }

    /**
     * The token at this point of the weights' sum.
     *
     * @param point from 0 to less than {@link #total}
     */
    int at(double point) {
        double left = point;
        int block = 0;
        int last = Math.ceilDiv(count, BLOCK) - 1;
        while (block < last && left >= sums[block]) {
            left -= sums[block++];
        }
        int found = 0;
        for (int i = block * BLOCK; i < Math.min(count, (block + 1) * BLOCK); i++) {
            if (weights[i] > 0) {
                found = i;
                left -= weights[i];
                if (left < 0) {
                    return id(i);
                }
            }
        }
        if (weights[found] == 0) { // rounding led behind the last token that has a weight
            found = count - 1;
            while (weights[found] == 0) {
                found--;
            }
        }
        return id(found);
    }

    private void sum() {
        total = 0;
        for (int at = 0; at < count; at += BLOCK) {
            double sum = sum(at, Math.min(count, at + BLOCK));
            sums[at / BLOCK] = sum;
            total += sum;
        }
    }

    /**
     * The sum of the weights of the tokens at the places {@code from <= index < to}, at most a
     * block.
     */
    double sum(int from, int to) {
        if (to - from == BLOCK) {
            return sumOfBlock(from);
        }
        double sum = 0;
        for (int i = from; i < to; i++) {
            sum += weights[i];
        }
        return sum;
    }

    /**
     * The compiler computes several of the partial sums with one instruction, but no sum of all.
     */
    private double sumOfBlock(int from) {
        for (int i = 0; i < QUARTER; i++) {
            double first = (double) weights[from + i] + (double) weights[from + i + QUARTER];
            double second =
                    (double) weights[from + i + 2 * QUARTER]
                            + (double) weights[from + i + 3 * QUARTER];
            partial[i] = first + second;
        }
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        for (int i = 0; i < QUARTER; i += 4) { // an addition need not wait for the one before
            a += partial[i];
            b += partial[i + 1];
            c += partial[i + 2];
            d += partial[i + 3];
        }
        return (a + b) + (c + d);
    }
}
