package dev.juggler.engine.sampling;

/**
 * The exponential function for weights of tokens: single precision, within 3e-7 of the true value,
 * several times as fast as {@link Math#exp} over a whole vocabulary.
 */
final class FastExp {
    private static final float LOG2_E = 1.442695f;

    /** ln 2 in two parts, so that n · ln 2 is exact in the first (Cody and Waite 1980). */
    private static final float LN2_HIGH = 355f / 512;

    private static final float LN2_LOW = -2.12194440e-4f;

    /** Below this the result is no normal number any more; it counts as zero. */
    private static final float LEAST = -87f;

    private FastExp() {}

    /**
     * e to the power of x.
     *
     * @param x at most 0; not NaN
     */
    static float exp(float x) {
        if (x < LEAST) {
            return 0f;
        }
        int n = (int) (x * LOG2_E - 0.5f);
        float r = x - n * LN2_HIGH - n * LN2_LOW;
        // Taylor series to the 7th power: |r| <= ln 2 / 2 leaves less than 1e-8. In pairs (Estrin
        // 1960), so that the processor need not wait for one product after the other.
        float r2 = r * r;
        float low = (1f + r) + r2 * (0.5f + r * (1f / 6));
        float high = (1f / 24 + r * (1f / 120)) + r2 * (1f / 720 + r * (1f / 5040));
        float p = low + r2 * r2 * high;
        return p * Float.intBitsToFloat((n + 127) << 23);
    }
}
