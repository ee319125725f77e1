package dev.juggler.kernel;

/**
 * The activation of a gated feed-forward block.
 *
 * @param kind which function
 * @param alpha slope inside the sigmoid, used by {@link Kind#CLAMPED_SWIGLU}
 * @param limit clamp, used by {@link Kind#CLAMPED_SWIGLU}
 */
public record GatedActivation(Kind kind, float alpha, float limit) {
    /** {@code gate · sigmoid(gate) · up}. */
    public static final GatedActivation SWIGLU = new GatedActivation(Kind.SWIGLU, 1f, 0f);

    /** The functions. */
    public enum Kind {
        /** {@code gate · sigmoid(gate) · up}. */
        SWIGLU,
        /**
         * {@code g · sigmoid(alpha · g) · (u + 1)} with {@code g = min(gate, limit)} and {@code u =
         * clamp(up, -limit, limit)} (gpt-oss model card, arXiv:2508.10925).
         */
        CLAMPED_SWIGLU
    }
}
