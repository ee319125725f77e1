package dev.juggler.inference;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How the next token is chosen. The order of the steps: logit bias, penalties, top-k, top-p, min-p,
 * temperature (the order of llama.cpp).
 *
 * @param temperature 0: the most probable token, always
 * @param topK only the k most probable; 0: all
 * @param topP only the most probable that together reach p; 1: all
 * @param minP only those at least minP times as probable as the best; 0: all
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens seen; 1: none
 * @param presencePenalty subtracted once from the logits of tokens seen; 0: none
 * @param frequencyPenalty subtracted for each time a token was seen; 0: none
 * @param penaltyWindow how many last tokens count as seen; -1: the whole sequence
 * @param seed same seed, same text; null: a random one
 * @param logitBias added to the logits of these tokens
 */
public record Sampling(
        float temperature,
        int topK,
        float topP,
        float minP,
        float repetitionPenalty,
        float presencePenalty,
        float frequencyPenalty,
        int penaltyWindow,
        @Nullable Long seed,
        Map<Integer, Float> logitBias) {
    /** The most probable token at each step. */
    public static final Sampling GREEDY =
            new Sampling(0f, 0, 1f, 0f, 1f, 0f, 0f, 64, null, Map.of());

    public Sampling {
        logitBias = Map.copyOf(logitBias);
        require(temperature >= 0 && temperature <= 100, "temperature", temperature, "0 to 100");
        require(topK >= 0, "top_k", topK, "0 or more");
        require(topP >= 0 && topP <= 1, "top_p", topP, "0 to 1");
        require(minP >= 0 && minP <= 1, "min_p", minP, "0 to 1");
        require(
                repetitionPenalty > 0 && repetitionPenalty <= 100,
                "repetition penalty",
                repetitionPenalty,
                "more than 0, at most 100");
        require(
                Math.abs(presencePenalty) <= 100,
                "presence_penalty",
                presencePenalty,
                "-100 to 100");
        require(
                Math.abs(frequencyPenalty) <= 100,
                "frequency_penalty",
                frequencyPenalty,
                "-100 to 100");
        require(penaltyWindow >= -1, "penalty window", penaltyWindow, "-1 or more");
    }

    private static void require(boolean holds, String name, Number value, String range) {
        if (!holds) {
            throw new InferenceException(
                    InferenceException.Kind.INVALID_REQUEST,
                    "%s is %s, it must be %s".formatted(name, value, range),
                    name);
        }
    }
}
