package dev.juggler.tck;

/**
 * How far a result may be from the reference. Errors are multiples of the result's scale: for a
 * matrix product {@code |x|·|w| / sqrt(k)}, what a product of such vectors is expected to be; for
 * everything else the element's own size plus the root mean square of its row (of the whole result,
 * where rows are narrower than 32).
 *
 * @param largest limit for every element
 * @param rootMeanSquare limit for the root mean square over the elements
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
}
