package dev.juggler.engine.architecture;

import java.util.LinkedHashMap;
import java.util.Map;

/** What the file of a {@link RandomModel} says of it. */
final class RandomModelKeys {
    private final RandomModel model;

    RandomModelKeys(RandomModel model) {
        this.model = model;
    }

    /**
     * The keys of the file below the family's name, in order: whole numbers, numbers, texts,
     * truths.
     */
    Map<String, Object> keys() {
        Map<String, Object> keys = new LinkedHashMap<>();
        keys.put("context_length", 4096);
        keys.put("embedding_length", model.width);
        keys.put("block_count", model.layers);
        keys.put("feed_forward_length", model.inner);
        keys.put("attention.head_count", model.heads);
        keys.put("attention.head_count_kv", model.kvHeads);
        keys.put("attention.key_length", model.keyWidth);
        keys.put("attention.value_length", model.valueWidth);
        keys.put("attention.layer_norm_rms_epsilon", model.epsilon);
        keys.put("rope.dimension_count", model.rotated);
        keys.put("rope.freq_base", (float) model.ropeBase);
        if (model.experts > 0) {
            keys.put("expert_count", model.experts);
            keys.put("expert_used_count", model.expertsUsed);
            if (!model.family.equals("llama") && !model.family.equals("olmoe")) {
                keys.put("expert_feed_forward_length", model.expertInner);
            }
        }
        if (model.family.equals("glm4moe") || model.latent != null) {
            groupedKeys(keys);
        } else if (model.sharedInner > 0) {
            keys.put("expert_shared_feed_forward_length", model.sharedInner);
        }
        if (model.window > 0) {
            keys.put("attention.sliding_window", model.window);
        }
        if (model.yarnFactor > 0) {
            keys.put("rope.scaling.type", "yarn");
            keys.put("rope.scaling.factor", (float) model.yarnFactor);
            keys.put("rope.scaling.original_context_length", model.yarnContext);
            yarnKeys(keys);
        } else if (model.linearFactor > 1) {
            keys.put("rope.scaling.type", "linear");
            keys.put("rope.scaling.factor", (float) model.linearFactor);
        }
        if (model.latent != null) {
            model.latent.addKeys(keys);
        }
        if (model.explicitRouting) {
            keys.put("expert_gating_func", 1);
            keys.put("expert_weights_norm", model.normalizeShares);
            keys.put("expert_weights_scale", (float) model.shareScale);
        }
        if (model.terse) {
            keys.remove("attention.key_length");
            keys.remove("attention.value_length");
            keys.remove("rope.dimension_count");
            if (model.kvHeads == model.heads) {
                keys.remove("attention.head_count_kv");
            }
        }
        return keys;
    }

    private void yarnKeys(Map<String, Object> keys) {
        if (model.yarnExtension < 1) {
            keys.put("rope.scaling.yarn_ext_factor", (float) model.yarnExtension);
            keys.put("rope.scaling.yarn_beta_fast", (float) model.betaFast);
            keys.put("rope.scaling.yarn_beta_slow", (float) model.betaSlow);
        }
        if (model.ropeFactor != 1) {
            keys.put("rope.scaling.attn_factor", (float) model.ropeFactor);
        }
    }

    private void groupedKeys(Map<String, Object> keys) {
        keys.put("expert_shared_count", model.sharedInner / model.expertInner);
        keys.put("leading_dense_block_count", model.leadingDense);
        keys.put("expert_weights_scale", (float) model.shareScale);
        keys.put("expert_weights_norm", model.normalizeShares);
        keys.put("expert_gating_func", model.sigmoid ? 2 : 1);
        keys.put("expert_group_count", model.groups);
        keys.put("expert_group_used_count", model.groupsUsed);
    }
}
