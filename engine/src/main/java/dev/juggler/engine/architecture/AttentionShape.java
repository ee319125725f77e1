package dev.juggler.engine.architecture;

import dev.juggler.engine.nn.RopeScaling;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Heads and positions, as most families write them in their keys.
 *
 * @param heads query heads
 * @param kvHeads key-value heads
 * @param keyWidth elements of a query or key of one head
 * @param valueWidth elements of a value of one head
 * @param rotated elements of a head that are rotated
 * @param ropeBase base of the rotary frequencies
 */
record AttentionShape(
        int heads,
        int kvHeads,
        int keyWidth,
        int valueWidth,
        int rotated,
        double ropeBase,
        RopeScaling scaling) {
    private static final int MOST_HEADS = 1 << 14;
    private static final int WIDEST_HEAD = 1 << 16;

    static AttentionShape read(ModelKeys keys, int layers, int width) {
        int heads = keys.sameForAllLayers("attention.head_count", layers, 0, 1, MOST_HEADS);
        int kvHeads = keys.sameForAllLayers("attention.head_count_kv", layers, heads, 1, heads);
        if (heads % kvHeads != 0) {
            throw keys.refuse("attention.head_count_kv", "expected a divisor of " + heads);
        }
        if (!keys.has("attention.key_length") && width % heads != 0) {
            throw keys.refuse("attention.head_count", "expected a divisor of the width " + width);
        }
        int keyWidth = keys.integer("attention.key_length", width / heads, 1, WIDEST_HEAD);
        int valueWidth = keys.integer("attention.value_length", width / heads, 1, WIDEST_HEAD);
        int rotated = keys.integer("rope.dimension_count", keyWidth, 2, keyWidth);
        if (rotated % 2 != 0) {
            throw keys.refuse("rope.dimension_count", "expected an even number");
        }
        return new AttentionShape(
                heads,
                kvHeads,
                keyWidth,
                valueWidth,
                rotated,
                keys.number("rope.freq_base", 10_000, 1, 1e12),
                scaling(keys));
    }

    /** Linear where a factor stands without a type, as files from before the type existed do. */
    private static RopeScaling scaling(ModelKeys keys) {
        double old = keys.number("rope.scale_linear", 1, 1e-3, 1e6);
        double factor = keys.number("rope.scaling.factor", old, 0, 1e6);
        if (factor == 0) {
            factor = 1;
        }
        String type = keys.text("rope.scaling.type", "linear");
        keys.flag("rope.scaling.finetuned", true); // tells how the model was made, changes nothing
        return switch (type) {
            case "none" -> new RopeScaling.Linear(1);
            case "linear" -> new RopeScaling.Linear(factor);
            case "yarn" -> yarn(keys, factor);
            default -> throw keys.refuse("rope.scaling.type", "known are none, linear and yarn");
        };
    }

    private static RopeScaling yarn(ModelKeys keys, double factor) {
        int context = keys.integer("context_length", 0, 1, Integer.MAX_VALUE);
        int original =
                keys.integer("rope.scaling.original_context_length", context, 1, Integer.MAX_VALUE);
        if (original == 0) {
            throw keys.refuse("rope.scaling.original_context_length", "YaRN needs it");
        }
        double extension = keys.number("rope.scaling.yarn_ext_factor", 1, 0, 1);
        double attention =
                keys.number("rope.scaling.attn_factor", 1, 1e-3, 1e3)
                        * keys.number("rope.scaling.yarn_attn_factor", 1, 1e-3, 1e3);
        return new RopeScaling.Yarn(
                factor,
                original,
                extension,
                keys.number("rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6),
                keys.number("rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6),
                attention * (extension == 0 ? 1 : RopeScaling.Yarn.magnitude(factor, 1)));
    }

    /** Elements of all queries, or of what the output projection reads. */
    int queryWidth() {
        return heads * keyWidth;
    }

    /** Elements of all keys. */
    int keysWidth() {
        return kvHeads * keyWidth;
    }

    /** Elements of all values. */
    int valuesWidth() {
        return kvHeads * valueWidth;
    }

    /** Elements of what all heads attend to. */
    int attendedWidth() {
        return heads * valueWidth;
    }

    RopePlan rope(RopePlan.Pairing pairing, float @Nullable [] frequencyFactors) {
        return scaling.plan(pairing, keyWidth, 0, rotated, ropeBase, frequencyFactors);
    }

    /** Scores divided by the root of the head's width. */
    AttentionPlan plan(int window, @Nullable Tensor sinks) {
        float scale = (float) (1 / Math.sqrt(keyWidth));
        return new AttentionPlan(heads, kvHeads, keyWidth, valueWidth, scale, window, 0, sinks);
    }
}
