package dev.juggler.backend.cpusimd;

/**
 * The constants and the scalar form of the exponential function that all kernels share.
 *
 * <p>x = n · ln 2 + r with |r| at most ln 2 / 2; exp(r) by its series to the seventh degree (in
 * Horner's scheme, coefficients 1/k!), 2^n by the exponent bits. Within 2 units in the last place.
 * Below {@link #LEAST} it is zero, above {@link #MOST} infinite; a NaN stays one.
 */
public final class Exponential {
    public static final float LEAST = -87.3f;
    public static final float MOST = 88.3f;
    public static final float LOG2_E = 1.442695f;

    /** Upper part of ln 2: few enough bits that its product with n is exact. */
    public static final float LN2_HIGH = 0x1.63p-1f;

    public static final float LN2_LOW = -2.12194440e-4f;

    /** 1.5 · 2^23: adding it rounds to a whole number, which is then in the low bits. */
    public static final float ROUNDER = 12582912f;

    public static final float C2 = 1f / 2;
    public static final float C3 = 1f / 6;
    public static final float C4 = 1f / 24;
    public static final float C5 = 1f / 120;
    public static final float C6 = 1f / 720;
    public static final float C7 = 1f / 5040;

    private static final int EXPONENT_SHIFT = 23;
    private static final int ONE_BITS = 0x3F800000;

    private Exponential() {}

    /** e to the x. */
    public static float of(float x) {
        float inside = bounded(x);
        return x < LEAST ? 0f : x > MOST ? Float.POSITIVE_INFINITY : inside;
    }

    private static float bounded(float x) {
        float bounded = Math.min(Math.max(x, LEAST), MOST);
        float rounded = Math.fma(bounded, LOG2_E, ROUNDER);
        float n = rounded - ROUNDER;
        float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, bounded));
        float p = Math.fma(C7, r, C6);
        p = Math.fma(p, r, C5);
        p = Math.fma(p, r, C4);
        p = Math.fma(p, r, C3);
        p = Math.fma(p, r, C2);
        p = Math.fma(p, r, 1f);
        p = Math.fma(p, r, 1f);
        int power = (Float.floatToRawIntBits(rounded) << EXPONENT_SHIFT) + ONE_BITS;
        return p * Float.intBitsToFloat(power);
    }
}
