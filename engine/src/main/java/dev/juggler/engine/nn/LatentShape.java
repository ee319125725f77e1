package dev.juggler.engine.nn;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;

/**
 * The extents of latent attention and what its two forms cost.
 *
 * @param plain attention of each head to keys and values of its own
 * @param absorbed attention of all heads to the stored rows: the latent vector, which is also the
 *     value, and the rotated part
 */
public record LatentShape(AttentionPlan plain, AttentionPlan absorbed) {
    /**
     * The plain form needs room for keys and values of all heads at all positions that it sees; a
     * sequence with more than this many positions for each of its rows is never computed so.
     */
    static final int MOST_POSITIONS_OF_A_ROW = 4;

    /**
     * The extents with the plans that they give.
     *
     * @param heads heads
     * @param latent elements of the latent vector
     * @param keyWidth elements of a query or key of one head, the rotated ones last
     * @param rotated how many of them are rotated; those of a key are the same for all heads
     * @param valueWidth elements of a value of one head
     * @param scale factor on scores
     */
    public static LatentShape of(
            int heads, int latent, int keyWidth, int rotated, int valueWidth, float scale) {
        return new LatentShape(
                new AttentionPlan(heads, heads, keyWidth, valueWidth, scale, 0, 0, null),
                new AttentionPlan(heads, 1, latent + rotated, latent, scale, 0, 0, null));
    }

    /** Heads. */
    public int heads() {
        return plain.heads();
    }

    /** Elements of the latent vector. */
    public int latent() {
        return absorbed.valueWidth();
    }

    /** Elements of a stored row: the latent vector and the rotated part of the keys. */
    public int stored() {
        return absorbed.keyWidth();
    }

    /** Elements of a key that are rotated. */
    public int rotated() {
        return stored() - latent();
    }

    /** Elements of a query or key of one head. */
    public int keyWidth() {
        return plain.keyWidth();
    }

    /** Elements of a key of one head that are made from the latent vector. */
    public int unrotated() {
        return keyWidth() - rotated();
    }

    /** Elements of a value of one head. */
    public int valueWidth() {
        return plain.valueWidth();
    }

    /**
     * Whether the plain form costs fewer multiplications for a sequence. It expands every position
     * once and then has short keys; the absorbed form takes each row through the same maps and has
     * long keys.
     */
    boolean isPlainCheaper(BatchLayout layout, int sequence) {
        long rows = layout.rowCount(sequence);
        long positions = layout.length(sequence);
        if (positions > MOST_POSITIONS_OF_A_ROW * rows) {
            return false;
        }
        long pairs = rows * (positions - rows) + rows * (rows + 1) / 2;
        long maps = (long) latent() * (unrotated() + valueWidth());
        long plainCost = pairs * (keyWidth() + valueWidth()) + positions * maps;
        long absorbedCost = pairs * (stored() + latent()) + rows * maps;
        return plainCost < absorbedCost;
    }
}
