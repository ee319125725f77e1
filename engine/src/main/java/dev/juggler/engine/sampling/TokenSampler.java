package dev.juggler.engine.sampling;

import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Sampling;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Chooses the tokens of one sequence as its {@link Sampling} says: logit bias, penalties, top-k,
 * top-p, min-p, temperature, in this order. What it chooses depends on the logits, the tokens so
 * far and the seed alone, never on what else the step computes.
 */
public final class TokenSampler {
    /** Logits are put into buckets of 1/32 by their distance from the largest. */
    private static final float BUCKETS_PER_UNIT = 32f;

    /** Below this temperature the most probable token is as good as certain. */
    private static final float COLD = 1e-5f;

    /** No bias or penalty makes a logit larger, so that differences stay numbers. */
    private static final float LARGEST = 1e30f;

    private final Sampling sampling;
    private final SplittableRandom random;
    private final int[] biasedIds;
    private final float[] biases;

    /**
     * @param vocabularySize tokens that there are
     * @throws InferenceException of kind INVALID_REQUEST if a logit bias names no token or is no
     *     number
     */
    public TokenSampler(Sampling sampling, int vocabularySize) {
        this.sampling = sampling;
        Long seed = sampling.seed();
        random = seed == null ? new SplittableRandom() : new SplittableRandom(seed);
        biasedIds = new int[sampling.logitBias().size()];
        biases = new float[biasedIds.length];
        int next = 0;
        for (Map.Entry<Integer, Float> bias : sampling.logitBias().entrySet()) {
            int id = bias.getKey();
            float value = bias.getValue();
            if (id < 0 || id >= vocabularySize) {
                throw invalidBias(
                        "there is no token %d, only 0 to %d".formatted(id, vocabularySize - 1));
            }
            if (Float.isNaN(value) || value == Float.POSITIVE_INFINITY) {
                throw invalidBias("%s is no logit bias for token %d".formatted(value, id));
            }
            biasedIds[next] = id;
            biases[next++] = value;
        }
    }

    /**
     * The next token.
     *
     * @param row the logits, which are changed
     * @param tokens the sequence so far, prompt and answer, in its first {@code length} places
     * @throws InferenceException of kind INTERNAL if the logits are no numbers
     */
    public int choose(LogitRow row, int[] tokens, int length) {
        row.checkedMax();
        addBiases(row.logits);
        penalize(row, tokens, length);
        if (sampling.temperature() < COLD || sampling.topK() == 1) {
            int best = row.largest();
            requireSome(row.logits[best]);
            return best;
        }
        filter(row);
        return draw(row);
    }

    private void addBiases(float[] logits) {
        for (int i = 0; i < biasedIds.length; i++) {
            int id = biasedIds[i];
            logits[id] = Math.min(logits[id] + biases[i], LARGEST);
        }
    }

    /** Penalties of CTRL (Keskar et al. 2019, arXiv:1909.05858) and of OpenAI's API. */
    private void penalize(LogitRow row, int[] tokens, int length) {
        float repetition = sampling.repetitionPenalty();
        float presence = sampling.presencePenalty();
        float frequency = sampling.frequencyPenalty();
        if (repetition == 1 && presence == 0 && frequency == 0) {
            return;
        }
        int window = sampling.penaltyWindow();
        int first = window < 0 ? 0 : Math.max(0, length - window);
        for (int i = first; i < length; i++) {
            row.seen[tokens[i]]++;
        }
        for (int i = first; i < length; i++) {
            int id = tokens[i];
            int times = row.seen[id];
            if (times > 0) { // else it is done already
                float logit = row.logits[id];
                logit = logit <= 0 ? logit * repetition : logit / repetition;
                row.logits[id] = Math.min(logit - times * frequency - presence, LARGEST);
                row.seen[id] = 0;
            }
        }
    }

    /** Leaves in {@code row} the candidates and their weights. */
    void filter(LogitRow row) {
        if (sampling.topK() > 0 && sampling.topK() < row.vocabularySize()) {
            filterLargest(row);
        } else {
            filterAll(row);
        }
    }

    /** A few candidates: they are sorted, and the definitions can be followed to the letter. */
    private void filterLargest(LogitRow row) {
        int count = sampling.topK();
        row.selectLargest(row.logits, count);
        float max = row.logits[LogitRow.id(row.keys[0])];
        requireSome(max);
        if (sampling.topP() < 1) {
            double sum = 0;
            for (int i = 0; i < count; i++) {
                sum += Math.exp(row.logits[LogitRow.id(row.keys[i])] - max);
            }
            count = reach(row, count, max, sampling.topP() * sum, 0);
        }
        float least = leastLogit(max);
        row.candidates.clear();
        for (int i = 0; i < count; i++) {
            int id = LogitRow.id(row.keys[i]);
            if (row.logits[id] >= least) {
                row.candidates.add(id, row.logits[id]);
            }
        }
        row.candidates.weigh(max, 1 / sampling.temperature());
    }

    /**
     * The whole vocabulary. Sorting it would cost more than all the rest, so top-p finds the bucket
     * in which its limit lies and sorts that one alone (Holtzman et al. 2020, arXiv:1904.09751).
     */
    private void filterAll(LogitRow row) {
        float[] logits = row.logits;
        float max = logits[row.largest()];
        requireSome(max);
        float factor = 1 / sampling.temperature();
        if (sampling.topP() >= 1 && sampling.minP() == 0) {
            row.candidates.weighAll(logits, max, factor);
            return;
        }
        long leastKey = LogitRow.key(leastLogit(max), Integer.MAX_VALUE);
        if (sampling.topP() < 1) {
            leastKey = Math.max(leastKey, leastKeyOfTopP(row, max));
        } else {
            row.candidates.weighAll(logits, max, 1);
            row.candidates.retainHeavier(0.99f * sampling.minP());
        }
        row.candidates.retainFrom(leastKey);
        row.candidates.weigh(max, factor);
    }

    /** The key of the last token within top-p; leaves at least these tokens as candidates. */
    private long leastKeyOfTopP(LogitRow row, float max) {
        Candidates candidates = row.candidates;
        candidates.weighAll(row.logits, max, 1);
        double wanted = sampling.topP() * candidates.total();
        // Even all tokens below this together are not needed to reach the limit.
        double negligible = 0.99 * (candidates.total() - wanted) / candidates.count();
        candidates.retainHeavier((float) negligible);
        candidates.weigh(max, 1);
        double[] bucketWeights = row.bucketWeights;
        Arrays.fill(bucketWeights, 0);
        for (int i = 0; i < candidates.count(); i++) {
            bucketWeights[bucket(max - candidates.logit(i))] += candidates.weight(i);
        }
        double before = 0;
        int crossing = 0;
        while (crossing < LogitRow.BUCKETS - 1 && before + bucketWeights[crossing] < wanted) {
            before += bucketWeights[crossing++];
        }
        int count = 0;
        for (int i = 0; i < candidates.count(); i++) {
            if (bucket(max - candidates.logit(i)) == crossing) {
                row.keys[count++] = LogitRow.key(candidates.logit(i), candidates.id(i));
            }
        }
        if (count == 0) { // rounding: it takes them all
            return LogitRow.LEAST_KEY;
        }
        row.sortKeys(0, count);
        return row.keys[reach(row, count, max, wanted, before) - 1];
    }

    /**
     * How many of the sorted keys it takes until the weights reach {@code wanted}; at least one.
     */
    private static int reach(LogitRow row, int count, float max, double wanted, double before) {
        double sum = before;
        for (int i = 0; i < count; i++) {
            sum += Math.exp(row.logits[LogitRow.id(row.keys[i])] - max);
            if (sum >= wanted) {
                return i + 1;
            }
        }
        return count;
    }

    private static int bucket(float distance) {
        return Math.min((int) (distance * BUCKETS_PER_UNIT), LogitRow.BUCKETS - 1);
    }

    /** The smallest logit that min-p leaves (Nguyen et al. 2024, arXiv:2407.01082). */
    private float leastLogit(float max) {
        return sampling.minP() == 0
                ? Float.NEGATIVE_INFINITY
                : (float) (max + Math.log(sampling.minP()));
    }

    private int draw(LogitRow row) {
        return row.candidates.at(random.nextDouble() * row.candidates.total());
    }

    private static void requireSome(float max) {
        if (max == Float.NEGATIVE_INFINITY) {
            throw invalidBias("the logit bias forbids every token");
        }
    }

    private static InferenceException invalidBias(String message) {
        return new InferenceException(
                InferenceException.Kind.INVALID_REQUEST, message, "logit_bias");
    }
}
