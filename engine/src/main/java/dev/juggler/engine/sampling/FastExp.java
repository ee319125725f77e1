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
        // Taylor series to the 7th power: |r| <= ln 2 / 2 leaves less than 1e-8.
        float p = 1f / 5040;
        p = p * r + 1f / 720;
        p = p * r + 1f / 120;
        p = p * r + 1f / 24;
        p = p * r + 1f / 6;
        p = p * r + 0.5f;
        p = p * r + 1f;
        p = p * r + 1f;
        return p * Float.intBitsToFloat((n + 127) << 23);
    }
}
