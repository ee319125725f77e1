package dev.juggler.tck;

/**
 * How far a result may be from the reference. Errors are multiples of the result's scale: for a
 * matrix product {@code |x|·|w| / sqrt(k)}, what a product of such vectors is expected to be; for
 * everything else the element's own size plus the root mean square of its row (of the whole result,
 * where rows are narrower than 32).
 *
 * @param largest limit for every element
 * @param rootMeanSquare limit for the root mean square over the elements, where those are many; see
 *     {@link #rootMeanSquareOf}
 */
public record Tolerance(double largest, double rootMeanSquare) {
    /** For what is only copied. */
    public static final Tolerance EXACT = new Tolerance(0, 0);

    /** For a kernel that computes in F32, summing in any order. */
    public static final Tolerance F32 = new Tolerance(3e-5, 1e-5);

    /** For a kernel that rounds activations to BF16 before it multiplies. */
    public static final Tolerance BF16_ACTIVATIONS = new Tolerance(2e-2, 4e-3);

    /**
     * For a kernel that rounds activations to 8 bits in blocks of up to 256 before it multiplies.
     */
    public static final Tolerance INT8_ACTIVATIONS = new Tolerance(6e-2, 1.2e-2);

    /**
     * For activations that are rounded to 8 bits before products whose results are normed, rotated
     * and stored in a cache; a wrong row, head or place is off by 1.
     */
    public static final Tolerance ROUNDED_AND_STORED = new Tolerance(0.2, 0.025);

    /** What a limit leaves above the root mean square over many elements of a correct kernel. */
    private static final double MARGIN = 1.5;

    /** How many of its standard deviations a mean may stray: one in some 500 strays further. */
    private static final double DEVIATIONS = 3;

    /**
     * The limit for the root mean square over some elements.
     *
     * <p>Errors of rounding are as good as normally distributed, and the root mean square over n of
     * them strays around that over many with a standard deviation of one part in sqrt(2n). The
     * limits are half as large again as what a correct kernel comes to over many elements: bytes of
     * blocks of 256 normal values give 0.0064 to 0.008 of the scale, and 0.012 are allowed. That is
     * room for three deviations from 18 elements on, but not below: a single element is one draw,
     * and up to one draw in eight of a correct kernel is beyond 0.012. So below 18 elements a
     * kernel that is at two thirds of the limit is given its three deviations; from there on the
     * limit is as it stands.
     *
     * @param elements how many, at least 1
     */
    public double rootMeanSquareOf(int elements) {
        double straying = 1 + DEVIATIONS / Math.sqrt(2.0 * elements);
        return rootMeanSquare * Math.max(1, straying / MARGIN);
    }
}
