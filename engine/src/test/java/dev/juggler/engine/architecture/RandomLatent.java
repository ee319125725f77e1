package dev.juggler.engine.architecture;

import java.util.Map;

/** The part of a {@link RandomModel} that is latent attention: either layout of its weights. */
final class RandomLatent {
    private final RandomModel model;

    /** Elements of the vector that queries go through, 0 for none. */
    final int queryRank;

    /** Elements of the latent vector. */
    final int rank;

    /** Elements of a key that are not rotated. */
    final int unrotated;

    /** Whether keys and values have weights of their own. */
    final boolean split;

    /** YaRN's multiplier for the temperature of scores, 0 for none. */
    final double logMultiplier;

    private final boolean kvHeadsWritten;

    RandomLatent(RandomModel model) {
        this.model = model;
        model.heads = 1 + model.random.nextInt(6);
        model.rotated = 2 * (1 + model.random.nextInt(8));
        unrotated = 1 + model.random.nextInt(24);
        model.keyWidth = unrotated + model.rotated;
        rank = 1 + model.random.nextInt(40);
        queryRank = model.random.nextBoolean() ? 0 : 1 + model.random.nextInt(40);
        split = model.random.nextBoolean();
        logMultiplier = model.random.nextBoolean() ? 0 : 0.02 + 0.1 * model.random.nextDouble();
        kvHeadsWritten = model.random.nextBoolean();
        model.kvHeads = split ? 1 : model.heads;
        model.neighbours = true;
        model.groupedExperts();
        model.groupBest = model.sigmoid ? 2 : 1;
    }

    void addWeights(String blk) {
        int queries = model.heads * model.keyWidth;
        if (queryRank > 0) {
            model.matrix(blk + "attn_q_a.weight", model.width, queryRank);
            model.norm(blk + "attn_q_a_norm.weight", queryRank);
            model.matrix(blk + "attn_q_b.weight", queryRank, queries);
        } else {
            model.matrix(blk + "attn_q.weight", model.width, queries);
        }
        model.matrix(blk + "attn_kv_a_mqa.weight", model.width, rank + model.rotated);
        model.norm(blk + "attn_kv_a_norm.weight", rank);
        if (split) {
            model.matrix(blk + "attn_k_b.weight", unrotated, rank, model.heads);
            model.matrix(blk + "attn_v_b.weight", rank, model.valueWidth, model.heads);
        } else {
            int both = model.heads * (unrotated + model.valueWidth);
            model.matrix(blk + "attn_kv_b.weight", rank, both);
        }
        model.matrix(blk + "attn_output.weight", model.heads * model.valueWidth, model.width);
    }

    void addKeys(Map<String, Object> keys) {
        if (split) {
            keys.put("attention.key_length", rank + model.rotated);
            keys.put("attention.value_length", rank);
            keys.put("attention.key_length_mla", model.keyWidth);
            keys.put("attention.value_length_mla", model.valueWidth);
        }
        if (!kvHeadsWritten) {
            keys.remove("attention.head_count_kv");
        }
        keys.put("attention.kv_lora_rank", rank);
        if (queryRank > 0 || model.heads % 2 == 0) {
            keys.put("attention.q_lora_rank", queryRank);
        }
        if (model.yarnFactor > 0 && logMultiplier > 0) {
            keys.put("rope.scaling.yarn_log_multiplier", (float) logMultiplier);
        }
    }
}
