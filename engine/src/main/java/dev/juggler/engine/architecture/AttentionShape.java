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
    static final int MOST_HEADS = 1 << 14;
    static final int WIDEST_HEAD = 1 << 16;

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
        int rotated = RopeKeys.rotated(keys, keyWidth, keyWidth);
        return new AttentionShape(
                heads,
                kvHeads,
                keyWidth,
                valueWidth,
                rotated,
                RopeKeys.base(keys),
                RopeKeys.scaling(keys));
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
