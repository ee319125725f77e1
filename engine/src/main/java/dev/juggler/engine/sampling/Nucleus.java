package dev.juggler.engine.sampling;

import java.util.Arrays;

/**
 * The nucleus of top-p: the smallest set of the most probable tokens that have together at least
 * the probability p (Holtzman et al. 2020, arXiv:1904.09751). Sorting a vocabulary would cost more
 * than all the rest of sampling. So weights are summed by their leading bits, those among which the
 * limit lies by the bits after them, and only tokens that are still together are sorted.
 */
final class Nucleus {
    /** A weight's exponent and the first 5 bits of its fraction. */
    private static final int LEADING_SHIFT = 18;

    /** The next 10 bits. */
    private static final int NEXT_SHIFT = 8;

    private static final int NEXT_BUCKETS = 1 << (LEADING_SHIFT - NEXT_SHIFT);

    /** Weights are at most 1, but for rounding. */
    private static final int BUCKETS = (Float.floatToRawIntBits(1f) >>> LEADING_SHIFT) + 1;

    /** Fewer than this are sorted at once. */
    private static final int FEW = 64;

    // Two, because neighbours often fall into one bucket, where an addition waits for the last.
    private final double[] even = new double[BUCKETS];
    private final double[] odd = new double[BUCKETS];
    private final int[] tokens;

    /** The weight of all buckets above the one in which the limit lies. */
    private double above;

    Nucleus(int vocabularySize) {
        tokens = new int[vocabularySize];
    }

    /**
     * Leaves as candidates the nucleus without what is below {@code leastKey}; they have no weights
     * then.
     *
     * @param row its candidates are the whole vocabulary, weighed; its keys are overwritten
     * @param p from 0 to less than 1
     */
    void retain(LogitRow row, float p, long leastKey) {
        Candidates candidates = row.candidates;
        double wanted = p * candidates.total();
        // Even all tokens below this together are not needed to reach the limit.
        double negligible = 0.99 * (candidates.total() - wanted) / candidates.count();
        int count = candidates.heavier((float) negligible, tokens);
        long limit = limit(row, count, wanted);
        candidates.takeFrom(tokens, count, row.logits, Math.max(leastKey, limit));
    }

    /** The key of the last token of the nucleus, which is among the first {@code count} tokens. */
    private long limit(LogitRow row, int count, double wanted) {
        Candidates candidates = row.candidates;
        above = 0;
        int crossing = sumByLeadingBits(candidates, count, wanted);
        int left = 0;
        for (int i = 0; i < count; i++) {
            int id = tokens[i];
            if (leadingBits(candidates.weight(id)) == crossing) {
                row.keys[left++] = LogitRow.key(row.logits[id], id);
            }
        }
        if (left > FEW) {
            left = retainCrossing(row, left, wanted);
        }
        row.sortKeys(0, left);
        double sum = above;
        for (int i = 0; i < left; i++) {
            sum += candidates.weight(LogitRow.id(row.keys[i]));
            if (sum >= wanted) {
                return row.keys[i];
            }
        }
        return left == 0 ? Long.MIN_VALUE : row.keys[left - 1]; // by rounding: the last there is
    }

    /** The bucket in which the limit lies. */
    private int sumByLeadingBits(Candidates candidates, int count, double wanted) {
        Arrays.fill(even, 0);
        Arrays.fill(odd, 0);
        for (int i = 0; i < count - 1; i += 2) {
            float first = candidates.weight(tokens[i]);
            float second = candidates.weight(tokens[i + 1]);
            even[leadingBits(first)] += first;
            odd[leadingBits(second)] += second;
        }
        if (count % 2 == 1) {
            float last = candidates.weight(tokens[count - 1]);
            even[leadingBits(last)] += last;
        }
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            even[bucket] += odd[bucket];
        }
        return crossing(even, BUCKETS, wanted);
    }

    /** Leaves of the keys those in whose smaller bucket the limit lies; returns how many. */
    private int retainCrossing(LogitRow row, int count, double wanted) {
        Arrays.fill(even, 0, NEXT_BUCKETS, 0);
        for (int i = 0; i < count; i++) {
            float weight = row.candidates.weight(LogitRow.id(row.keys[i]));
            even[nextBits(weight)] += weight;
        }
        int crossing = crossing(even, NEXT_BUCKETS, wanted);
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (nextBits(row.candidates.weight(LogitRow.id(row.keys[i]))) == crossing) {
                row.keys[kept++] = row.keys[i];
            }
        }
        return kept;
    }

    /** Goes down from the heaviest bucket to the one in which the sum reaches the limit. */
    private int crossing(double[] sums, int buckets, double wanted) {
        int bucket = buckets - 1;
        while (bucket > 0 && above + sums[bucket] < wanted) {
            above += sums[bucket--];
        }
        return bucket;
    }

    private static int leadingBits(float weight) {
        return Math.min(Float.floatToRawIntBits(weight) >>> LEADING_SHIFT, BUCKETS - 1);
    }

    private static int nextBits(float weight) {
        return (Float.floatToRawIntBits(weight) >>> NEXT_SHIFT) & (NEXT_BUCKETS - 1);
    }
}
