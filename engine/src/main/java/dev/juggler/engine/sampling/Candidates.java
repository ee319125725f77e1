package dev.juggler.engine.sampling;

import org.jspecify.annotations.Nullable;

/**
 * Tokens that may come next and their weights: either the whole vocabulary, or those that were
 * added. Weights are summed in blocks, so that drawing one reads a block and not all.
 */
final class Candidates {
    private static final int BLOCK = 1024;

    private final int[] ids;
    private final float[] logits;
    private final float[] weights;
    private final double[] sums;
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
        weigh(logits, max, factor);
    }

    /** Takes the whole vocabulary with these logits and weighs it likewise. */
    void weighAll(float[] all, float max, float factor) {
        whole = true;
        count = all.length;
        weigh(all, max, factor);
    }

    /**
     * Takes of the whole vocabulary with these logits the tokens whose {@link LogitRow#key} is not
     * below this one. They have no weights before {@link #weigh}.
     */
    void takeFrom(float[] all, long leastKey) {
        take(null, all.length, all, leastKey);
    }

    /** Takes likewise of the first {@code length} of these tokens. */
    void takeFrom(int[] tokens, int length, float[] all, long leastKey) {
        take(tokens, length, all, leastKey);
    }

    private void take(int @Nullable [] tokens, int length, float[] all, long leastKey) {
        int kept = 0;
        for (int i = 0; i < length; i++) { // without branches: they could not be predicted
            int id = tokens == null ? i : tokens[i];
            ids[kept] = id;
            logits[kept] = all[id];
            kept += LogitRow.reaches(LogitRow.key(all[id], id), leastKey);
        }
        count = kept;
        whole = false;
    }

    /**
     * Writes to {@code tokens} those of the whole vocabulary that weigh more than this; returns how
     * many.
     *
     * @param least at least 0
     */
    int heavier(float least, int[] tokens) {
        int found = 0;
        int leastBits = Float.floatToRawIntBits(least); // of positive numbers: in their order
        for (int id = 0; id < count; id++) {
            tokens[found] = id;
            found += (leastBits - Float.floatToRawIntBits(weights[id])) >>> 31;
        }
        return found;
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

    private void weigh(float[] from, float max, float factor) {
        total = 0;
        for (int at = 0; at < count; at += BLOCK) {
            int to = Math.min(count, at + BLOCK);
            FastExp.exp(from, weights, at, to, max, factor);
            double sum = sum(weights, at, to);
            sums[at / BLOCK] = sum;
            total += sum;
        }
    }

    /** Four sums side by side: an addition need not wait for the one before. */
    private static double sum(float[] values, int from, int to) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = from;
        for (; i + 3 < to; i += 4) {
            a += values[i];
            b += values[i + 1];
            c += values[i + 2];
            d += values[i + 3];
        }
        for (; i < to; i++) {
            a += values[i];
        }
        return (a + b) + (c + d);
    }
}
