package dev.juggler.kernel;

/**
 * How a head's vector is rotated: the angle of pair i at position p is {@code p ·
 * inverseFrequency(i)}, and the rotated pair is multiplied by {@code magnitude}. Scalings (linear,
 * YaRN, per-frequency factors) are already inside these numbers.
 */
public final class RopePlan {
    /** Which elements form a pair. */
    public enum Pairing {
        /** Neighbours (2i, 2i + 1): the original layout, llama. */
        INTERLEAVED,
        /** Halves (i, i + rotated/2): the NeoX layout, Qwen. */
        HALVES
    }

    private final Pairing pairing;
    private final int headWidth;
    private final int offset;
    private final double[] inverseFrequencies;
    private final float magnitude;

    /**
     * @param headWidth elements of one head in a row
     * @param offset first rotated element inside a head
     * @param inverseFrequencies radians a position, one for each pair; the head's elements {@code
     *     [offset, offset + 2·pairs)} are rotated, the others stay
     * @param magnitude factor on rotated elements (YaRN), else 1
     */
    public RopePlan(
            Pairing pairing,
            int headWidth,
            int offset,
            double[] inverseFrequencies,
            float magnitude) {
        if (offset < 0 || offset + 2 * inverseFrequencies.length > headWidth) {
            throw new IllegalArgumentException(
                    "%d rotated pairs at %d do not fit a head of %d"
                            .formatted(inverseFrequencies.length, offset, headWidth));
        }
        this.pairing = pairing;
        this.headWidth = headWidth;
        this.offset = offset;
        this.inverseFrequencies = inverseFrequencies.clone();
        this.magnitude = magnitude;
    }

    public Pairing pairing() {
        return pairing;
    }

    /** Elements of one head in a row. */
    public int headWidth() {
        return headWidth;
    }

    /** First rotated element inside a head. */
    public int offset() {
        return offset;
    }

    /** Rotated pairs in a head. */
    public int pairs() {
        return inverseFrequencies.length;
    }

    /** Radians that one position adds to the angle of pair {@code pair}. */
    public double inverseFrequency(int pair) {
        return inverseFrequencies[pair];
    }

    /** Factor on rotated elements. */
    public float magnitude() {
        return magnitude;
    }
}
