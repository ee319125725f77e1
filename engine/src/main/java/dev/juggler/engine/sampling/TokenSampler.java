package dev.juggler.engine.sampling;

import dev.juggler.inference.InferenceException;
import dev.juggler.inference.Sampling;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Chooses the tokens of one sequence as its {@link Sampling} says: logit bias, penalties, top-k,
 * top-p, min-p, temperature, in this order. What it chooses depends on the logits, the tokens so
 * far and the seed alone, never on what else the step computes.
 */
public final class TokenSampler {
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
        if (changesLogits()) {
            addBiases(row.logits);
            penalize(row, tokens, length);
        }
        int best = row.largest();
        requireNumber(row.logits[best]);
        if (sampling.temperature() < COLD || sampling.topK() == 1) {
            return best;
        }
        if (sampling.topK() > 0 && sampling.topK() < row.vocabularySize()) {
            filterLargest(row);
        } else {
            filterAll(row, row.logits[best]);
        }
        return row.candidates.at(random.nextDouble() * row.candidates.total());
    }

    /** An error unless the largest logit is a number. */
    private void requireNumber(float largest) {
        if (largest == Float.NEGATIVE_INFINITY && biasedIds.length > 0) {
            throw invalidBias("the logit bias forbids every token");
        }
        if (Float.isNaN(largest) || Float.isInfinite(largest)) {
            throw new InferenceException(
                    InferenceException.Kind.INTERNAL,
                    "the model computed logits that are no numbers (largest: %s); the file may be"
                                    .formatted(largest)
                            + " damaged, or a kernel is wrong: try another backend or exact = true");
        }
    }

    private boolean changesLogits() {
        return biasedIds.length > 0
                || sampling.repetitionPenalty() != 1
                || sampling.presencePenalty() != 0
                || sampling.frequencyPenalty() != 0;
    }

    private void addBiases(float[] logits) {
        for (int i = 0; i < biasedIds.length; i++) {
            int id = biasedIds[i];
            logits[id] = limited(logits[id], logits[id] + biases[i]);
        }
    }

    /** What a logit is changed to; one that is infinitely large stays so, for it is an error. */
    private static float limited(float logit, float changed) {
        return logit == Float.POSITIVE_INFINITY ? logit : Math.min(changed, LARGEST);
    }

    /** Penalties of CTRL (Keskar et al. 2019, arXiv:1909.05858) and of OpenAI's API. */
    private void penalize(LogitRow row, int[] tokens, int length) {
        float repetition = sampling.repetitionPenalty();
        float presence = sampling.presencePenalty();
        float frequency = sampling.frequencyPenalty();
        if (repetition == 1 && presence == 0 && frequency == 0) {
            return; // only biases
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
                logit = logit - times * frequency - presence;
                row.logits[id] = limited(row.logits[id], logit);
                row.seen[id] = 0;
            }
        }
    }

    /**
     * A few candidates, which are left in {@code row}: they are sorted, and the definitions can be
     * followed to the letter.
     */
    private void filterLargest(LogitRow row) {
        int count = sampling.topK();
        row.selectLargest(row.logits, count);
        float max = row.logits[LogitRow.id(row.keys[0])];
        if (sampling.topP() < 1) {
            double sum = 0;
            for (int i = 0; i < count; i++) {
                sum += Math.exp(row.logits[LogitRow.id(row.keys[i])] - max);
            }
            count = reach(row, count, max, sampling.topP() * sum);
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

    /** The whole vocabulary, which is never sorted. */
    private void filterAll(LogitRow row, float max) {
        long least = LogitRow.key(leastLogit(max), Integer.MAX_VALUE);
        if (sampling.topP() < 1) {
            least = Math.max(least, row.nucleus.limit(row, sampling.topP(), max));
        }
        row.candidates.weighFrom(row, max, 1 / sampling.temperature(), least);
    }

    /**
     * How many of the sorted keys it takes until the weights reach {@code wanted}; at least one.
     */
    private static int reach(LogitRow row, int count, float max, double wanted) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += Math.exp(row.logits[LogitRow.id(row.keys[i])] - max);
            if (sum >= wanted) {
                return i + 1;
            }
        }
        return count;
    }

    /** The smallest logit that min-p leaves (Nguyen et al. 2024, arXiv:2407.01082). */
    private float leastLogit(float max) {
        return sampling.minP() == 0
                ? Float.NEGATIVE_INFINITY
                : (float) (max + Math.log(sampling.minP()));
    }

    private static InferenceException invalidBias(String message) {
        return new InferenceException(
                InferenceException.Kind.INVALID_REQUEST, message, "logit_bias");
    }
}
