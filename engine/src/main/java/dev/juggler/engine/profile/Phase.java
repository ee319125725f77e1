package dev.juggler.engine.profile;

import dev.juggler.engine.placement.Role;
import java.util.Locale;

/** A part of a step's work. */
public enum Phase {
    /** Looking up the rows of the tokens. */
    EMBED,
    /** Projections, rotation, cache and the attention itself. */
    ATTENTION,
    /** Scores of experts and the choice among them. */
    ROUTER,
    /** The chosen experts. */
    EXPERTS,
    /** Dense feed-forward blocks and shared experts. */
    FEED_FORWARD,
    /** Norms, residual sums and moves between blocks. */
    OTHER,
    /** Logits. */
    HEAD,
    /** The choice of the next token. */
    SAMPLING;

    /** The phase of a product with a weight of this role. */
    static Phase of(Role role) {
        return switch (role) {
            case ATTENTION -> ATTENTION;
            case ROUTER -> ROUTER;
            case EXPERTS -> EXPERTS;
            case SHARED_EXPERT, FFN -> FEED_FORWARD;
            case NORM -> OTHER;
            case HEAD, EMBED -> HEAD; // the same table, where embeddings are tied
        };
    }

    /** As tables show it: {@code feed-forward}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
