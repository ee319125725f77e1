package dev.juggler.engine.architecture;

import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Routing.Scoring;
import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Experts and how they are chosen, as the families of DeepSeek's kind write it in their keys.
 *
 * @param experts experts of a layer
 * @param used experts that a token is sent to
 * @param inner elements inside an expert
 * @param shared elements inside the expert that every token is sent to, 0 for none
 * @param leadingDense layers at the start that are dense
 * @param groups groups of experts, 1 for none
 * @param groupBest a group is as good as its one best expert or its two best together
 */
record ExpertShape(
        int experts,
        int used,
        int inner,
        int shared,
        int leadingDense,
        Scoring scoring,
        boolean normalize,
        float scale,
        int groups,
        int groupsUsed,
        int groupBest) {

    /**
     * Reads the keys.
     *
     * @param fallback how scores are made where the file does not say
     */
    static ExpertShape read(ModelKeys keys, int layers, Scoring fallback) {
        int experts = keys.integer("expert_count", 1, DecoderShape.MOST_EXPERTS);
        int used = keys.integer("expert_used_count", 1, experts);
        int inner = keys.integer("expert_feed_forward_length", 1, DecoderShape.WIDEST);
        int sharedCount = keys.integer("expert_shared_count", 0, 0, DecoderShape.WIDEST / inner);
        int groups = Math.max(1, keys.integer("expert_group_count", 1, 0, experts));
        int groupsUsed =
                groups == 1
                        ? Math.max(1, keys.integer("expert_group_used_count", 1, 0, 1))
                        : keys.integer("expert_group_used_count", 1, groups);
        if (experts % groups != 0) {
            throw keys.refuse("expert_group_count", "expected a divisor of " + experts);
        }
        if (used > experts / groups * groupsUsed) {
            throw keys.refuse(
                    "expert_used_count",
                    "but %d groups of %d experts hold fewer"
                            .formatted(groupsUsed, experts / groups));
        }
        return new ExpertShape(
                experts,
                used,
                inner,
                inner * sharedCount,
                keys.integer("leading_dense_block_count", 0, 0, layers),
                scoring(keys, fallback),
                keys.flag("expert_weights_norm", false),
                scale(keys),
                groups,
                groupsUsed,
                2);
    }

    /** The same with groups that are as good as their best expert. */
    ExpertShape withGroupsByOneExpert() {
        return new ExpertShape(
                experts,
                used,
                inner,
                shared,
                leadingDense,
                scoring,
                normalize,
                scale,
                groups,
                groupsUsed,
                1);
    }

    /**
     * The choice of families whose scores are a softmax over all experts and that have no groups.
     *
     * @param normalize whether the shares of the chosen are made to add up to one, where the file
     *     does not say
     */
    static Routing softmax(ModelKeys keys, int used, boolean normalize) {
        if (keys.integer("expert_gating_func", 1, 0, Integer.MAX_VALUE) > 1) {
            throw keys.refuse("expert_gating_func", "this family chooses by softmax, which is 1");
        }
        return Routing.softmax(used, keys.flag("expert_weights_norm", normalize), scale(keys));
    }

    /** Files write 0 for a scale that is not applied. */
    private static float scale(ModelKeys keys) {
        float scale = (float) keys.number("expert_weights_scale", 1, 0, 1e4);
        return scale == 0 ? 1 : scale;
    }

    private static Scoring scoring(ModelKeys keys, Scoring fallback) {
        return switch (keys.integer("expert_gating_func", 0, 0, Integer.MAX_VALUE)) {
            case 0 -> fallback;
            case 1 -> Scoring.SOFTMAX;
            case 2 -> Scoring.SIGMOID;
            case 3 -> Scoring.SOFTMAX_OF_CHOSEN;
            default ->
                    throw keys.refuse(
                            "expert_gating_func",
                            "known are 1 (softmax), 2 (sigmoid) and 3 (softmax of the chosen)");
        };
    }

    /**
     * The choice.
     *
     * @param bias F32 [1, experts] that the choice, but not the weights, looks at, or null
     */
    Routing routing(@Nullable Tensor bias) {
        return new Routing(used, scoring, normalize, scale, groups, groupsUsed, groupBest, bias);
    }
}
