package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/**
 * The shape of one layer's attention. Query head h reads key-value head {@code h / (heads /
 * kvHeads)}.
 *
 * @param heads query heads
 * @param kvHeads key-value heads, a divisor of {@code heads}
 * @param keyWidth elements of a query and of a key of one head
 * @param valueWidth elements of a value of one head
 * @param scale factor on q·k
 * @param window a row at position p sees positions greater than p - window; 0: all
 * @param softCap scores become {@code softCap · tanh(score / softCap)}; 0: as they are
 * @param sinks F32 [1, heads]: one more score in each head's softmax denominator, or null
 */
public record AttentionPlan(
        int heads,
        int kvHeads,
        int keyWidth,
        int valueWidth,
        float scale,
        int window,
        float softCap,
        @Nullable Tensor sinks) {
    public AttentionPlan {
        if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0 || keyWidth < 1 || valueWidth < 1) {
            throw new IllegalArgumentException(
                    "%d query heads of %d do not share %d key-value heads of %d"
                            .formatted(heads, keyWidth, kvHeads, valueWidth));
        }
    }
}
