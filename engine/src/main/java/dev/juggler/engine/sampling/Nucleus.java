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

    /** Weights are at most 1. */
    private static final int BUCKETS = (Float.floatToRawIntBits(1f) >>> LEADING_SHIFT) + 1;

    /** Fewer than this are sorted at once. */
    private static final int FEW = 64;

    // Two, because neighbours often fall into one bucket, where an addition waits for the last.
    private final double[] even = new double[BUCKETS];
    private final double[] odd = new double[BUCKETS];

    /** The weight of all buckets above the one in which the limit lies. */
    private double above;

    /**
     * The key of the last token of the nucleus.
     *
     * @param row whose maxima are known; its candidates become the whole vocabulary, weighed but
     *     not summed, and its keys are overwritten
     * @param p from 0 to less than 1
     * @param max the largest logit
     */
    long limit(LogitRow row, float p, float max) {
        row.candidates.weighAllUnsummed(row.logits, max, 1);
        double wanted = p * sumByLeadingBits(row, (1.0 - p) / row.vocabularySize(), max);
        above = 0;
        int crossing = crossing(even, BUCKETS, wanted);
        int left = keysOf(row, crossing, max);
        if (left > FEW) {
            left = retainCrossing(row, left, wanted);
        }
        row.sortKeys(0, left);
        double sum = above;
        for (int i = 0; i < left; i++) {
            sum += row.candidates.weight(LogitRow.id(row.keys[i]));
            if (sum >= wanted) {
                return row.keys[i];
            }
        }
        return left == 0 ? LogitRow.LEAST_KEY : row.keys[left - 1]; // by rounding: the last
    }

    /**
     * Sums the weights by their leading bits, but not those of blocks where none is as much as
     * {@code negligible}; returns the sum of all. Since the largest weight is 1, even all tokens
     * below 1 - p, divided by their number, are together not needed to reach the limit.
     */
    private double sumByLeadingBits(LogitRow row, double negligible, float max) {
        Arrays.fill(even, 0);
        Arrays.fill(odd, 0);
        float least = leastLogit(negligible, max);
        double total = 0;
        for (int block = 0; block < row.maxima.length; block++) {
            int from = block * LogitRow.BLOCK;
            int to = Math.min(row.vocabularySize(), from + LogitRow.BLOCK);
            if (row.maxima[block] < least) {
                total += row.candidates.sum(from, to);
            } else {
                sumByLeadingBits(row.candidates, from, to);
            }
        }
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            even[bucket] += odd[bucket];
            total += even[bucket];
        }
        return total;
    }

    private void sumByLeadingBits(Candidates candidates, int from, int to) {
        int half = (to - from) / 2;
        for (int i = from; i < from + half; i++) {
            float first = candidates.weight(i);
            float second = candidates.weight(i + half);
            even[leadingBits(first)] += first;
            odd[leadingBits(second)] += second;
        }
        for (int i = from + 2 * half; i < to; i++) {
            even[leadingBits(candidates.weight(i))] += candidates.weight(i);
        }
    }

    /** Writes the keys of a bucket's tokens; returns how many. */
    private static int keysOf(LogitRow row, int bucket, float max) {
        int lowest = bucket << LEADING_SHIFT;
        float least = leastLogit(Float.intBitsToFloat(lowest), max);
        int found = 0;
        for (int block = 0; block < row.maxima.length; block++) {
            if (row.maxima[block] >= least) {
                int from = block * LogitRow.BLOCK;
                int to = Math.min(row.vocabularySize(), from + LogitRow.BLOCK);
                for (int id = from; id < to; id++) {
                    int bits = Float.floatToRawIntBits(row.candidates.weight(id));
                    if (Integer.compareUnsigned(bits - lowest, 1 << LEADING_SHIFT) < 0) {
                        row.keys[found++] = LogitRow.key(row.logits[id], id);
                    }
                }
            }
        }
        return found;
    }

    /** No token with a lower logit has this weight, which the exponential gives within 3 %. */
    private static float leastLogit(double weight, float max) {
        return (float) (max + Math.log(weight) - 0.05);
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
        return Float.floatToRawIntBits(weight) >>> LEADING_SHIFT;
    }

    private static int nextBits(float weight) {
        return (Float.floatToRawIntBits(weight) >>> NEXT_SHIFT) & (NEXT_BUCKETS - 1);
    }
}
