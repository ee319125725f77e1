package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/**
 * How router logits become choices and weights.
 *
 * <p>Scores come from {@code scoring}. The choice takes the {@code used} largest of {@code score +
 * choiceBias}; with groups, experts in equal consecutive groups compete only inside the {@code
 * groupsUsed} best groups, a group being as good as the sum of its {@code groupBest} best. The
 * weight of a chosen expert is its score without the bias, divided by the sum of the chosen ones if
 * {@code normalize}, times {@code scale}.
 *
 * @param used experts a token is sent to
 * @param groups number of groups, 1 for none
 * @param groupBest 2 (DeepSeek-V3, arXiv:2412.19437) or 1 (DeepSeek-V2, arXiv:2405.04434); a group
 *     of a single expert is as good as that one
 * @param choiceBias F32 [1, experts], or null
 */
public record Routing(
        int used,
        Scoring scoring,
        boolean normalize,
        float scale,
        int groups,
        int groupsUsed,
        int groupBest,
        @Nullable Tensor choiceBias) {

    /** What turns logits into scores. */
    public enum Scoring {
        /** Softmax over all experts. */
        SOFTMAX,
        /** Each logit by itself through the logistic function. */
        SIGMOID,
        /** The choice is by logits, the weights are a softmax over the chosen ones. */
        SOFTMAX_OF_CHOSEN
    }

    public Routing {
        if (used < 1
                || groups < 1
                || groupsUsed < 1
                || groupsUsed > groups
                || groupBest < 1
                || groupBest > 2) {
            throw new IllegalArgumentException(
                    "routing to %d experts in %d of %d groups by their %d best is not possible"
                            .formatted(used, groupsUsed, groups, groupBest));
        }
    }

    /** Groups by their two best. */
    public Routing(
            int used,
            Scoring scoring,
            boolean normalize,
            float scale,
            int groups,
            int groupsUsed,
            @Nullable Tensor choiceBias) {
        this(used, scoring, normalize, scale, groups, groupsUsed, 2, choiceBias);
    }

    /** The same choice with the bias in another place. */
    public Routing withChoiceBias(@Nullable Tensor bias) {
        return new Routing(used, scoring, normalize, scale, groups, groupsUsed, groupBest, bias);
    }

    /** Softmax over all experts, no groups, no bias. */
    public static Routing softmax(int used, boolean normalize, float scale) {
        return new Routing(used, Scoring.SOFTMAX, normalize, scale, 1, 1, null);
    }
}
