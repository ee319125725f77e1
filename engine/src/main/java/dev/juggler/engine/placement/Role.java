package dev.juggler.engine.placement;

import java.util.Locale;

/** What a weight is for. Each architecture names the role of each of its tensors. */
public enum Role {
    /** Token embeddings: one row of them is read for a token. */
    EMBED,
    /** Projections, biases and per-head norms of an attention block. */
    ATTENTION,
    /** Scores of experts. */
    ROUTER,
    /** Stacks of routed experts, of which a token uses a few. */
    EXPERTS,
    /** Experts that every token uses. */
    SHARED_EXPERT,
    /** A dense feed-forward block. */
    FFN,
    /** Norms between blocks and of the output. */
    NORM,
    /** Projection to logits. */
    HEAD;

    /** As rules write it: {@code shared_expert}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
