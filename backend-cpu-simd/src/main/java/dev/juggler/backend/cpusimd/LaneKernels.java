package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The innermost loops, on float arrays. There is one definition, {@link ScalarKernels}, and
 * implementations that do the same arithmetic in the same order on vectors, so that all of them
 * agree bit for bit and may take each other's place at any time.
 *
 * <p>A dot product has {@link #LANES} partial sums: element k goes to partial sum {@code k %
 * LANES}, in rising order of k, by a fused multiply-add; {@link LaneSums} adds the partial sums as
 * a tree. Sixteen lanes are one vector of 512 bits, two of 256 or four of 128.
 */
public interface LaneKernels {
    /** Partial sums of a dot product; rows are padded with zeros to a whole number of them. */
    int LANES = 16;

    /** Weight rows that are multiplied together. */
    int PANEL_ROWS = 6;

    /** The loops for products of integers. */
    CodeLoops codes();

    /** How the elements of a type are read, or null if it is not done faster here. */
    @Nullable RowDecoder decoder(DType dtype);

    /**
     * Adds products of {@link #PANEL_ROWS} rows of {@code w} with two vectors to partial sums.
     *
     * @param w row i is at {@code wAt + i · stride}
     * @param first where the first vector is in {@code x}
     * @param second where the second vector is in {@code x}
     * @param length elements, a whole number of {@link #LANES}
     * @param lanes partial sums of row i are at {@code at + i · LANES}, those with the second
     *     vector behind all of the first
     */
    void dotPairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes,
            int at);

    /** As {@link #dotPairs} with one vector. */
    void dots(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int length,
            float[] lanes,
            int at);

    /**
     * Adds products of one row of {@code w} with one vector to partial sums.
     *
     * @param length elements, a whole number of {@link #LANES}
     */
    void dot(float[] w, int wAt, float[] x, int first, int length, float[] lanes, int at);

    /**
     * Adds up partial sums in place: {@code lanes[i]} becomes the sum of those from {@code i ·
     * LANES}, as {@link LaneSums} defines it. What is behind the last is lost.
     *
     * @param lanes partial sums, of {@code count} rows and up to three more
     */
    default void addLanes(float[] lanes, int count) {
        for (int i = 0; i < count; i++) {
            lanes[i] = LaneSums.of(lanes, i * LANES);
        }
    }

    /**
     * Products of {@link #PANEL_ROWS} rows of {@code w} with two vectors, times a factor: {@code
     * out[firstOut + i] = factor · (row i · first)}, and those with the second vector likewise.
     *
     * @param w row i is at {@code wAt + i · stride}
     * @param length elements, a whole number of {@link #LANES}
     * @param lanes room for the partial sums of all
     */
    default void scaledPairs(
            float[] w,
            int wAt,
            int stride,
            float[] x,
            int first,
            int second,
            int length,
            float[] lanes,
            float factor,
            float[] out,
            int firstOut,
            int secondOut) {
        Arrays.fill(lanes, 0, 2 * PANEL_ROWS * LANES, 0f);
        dotPairs(w, wAt, stride, x, first, second, length, lanes, 0);
        addLanes(lanes, 2 * PANEL_ROWS);
        for (int i = 0; i < PANEL_ROWS; i++) {
            out[firstOut + i] = factor * lanes[i];
            out[secondOut + i] = factor * lanes[PANEL_ROWS + i];
        }
    }

    /**
     * The largest of some values, not a number if one of them is not.
     *
     * @param count a whole number of {@link #LANES}, at least one
     */
    default float largest(float[] values, int at, int count) {
        return RowLoops.largest(values, at, at + count);
    }

    /**
     * The sum of some values: of every eighth in rising order, then of these eight as a tree.
     *
     * @param count a whole number of {@link #LANES}
     */
    default float sum(float[] values, int at, int count) {
        return RowLoops.sum(values, at, count);
    }

    /**
     * {@code sums[c] += Σ_j factors[j] · rows[j · stride + c]} for {@code c < width}, in rising
     * order of j by fused multiply-adds.
     *
     * @param width a whole number of {@link #LANES}
     */
    void addWeightedRows(
            float[] factors,
            int factorsAt,
            int count,
            float[] rows,
            int rowsAt,
            int stride,
            float[] sums,
            int sumsAt,
            int width);

    /**
     * {@code values[i] = exp(values[i] - minus)}.
     *
     * @param count a whole number of {@link #LANES}
     */
    void exp(float[] values, int at, int count, float minus);

    /**
     * Gated activation in place: {@code gate[i] = g · sigmoid(alpha · g) · (u + shift)} with {@code
     * g = min(gate[i], limit)} and {@code u} clamped to {@code [-limit, limit]}.
     *
     * @param count a whole number of {@link #LANES}
     */
    void gate(
            float[] gate,
            int gateAt,
            float[] up,
            int upAt,
            int count,
            float alpha,
            float limit,
            float shift);
}
