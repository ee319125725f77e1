package dev.juggler.backend.cpusimd;

import java.util.Arrays;

/**
 * Rows of activations rounded to 8 bits, a float scale for each block: x = scale · byte, with scale
 * = largest magnitude / 127. Native kernels round in the same way.
 */
public final class RoundedRows {
    private static final int LARGEST = 127;

    /** Below 2^-120 the factor would be infinite. */
    private static final int LEAST_BITS = 0x03800000;

    /** Adding 1.5 · 2^23 rounds to the nearest integer, which is then in the low bits. */
    private static final float ROUNDER = 12582912f;

    /** Pairs of columns of a run. */
    private static final int RUN_PAIRS = CodePanel.RUN / 2;

    /** Elements of a sum. */
    private static final int SUM = 16;

    /** Rows so far apart would compete for the same places of the L1 cache. */
    private static final int BAD_STRIDE = 256;

    private int[] pairs = new int[0];
    private short[] shorts = new short[0];
    private float[] floats = new float[0];
    private float[] scales = new float[0];
    private int[] sums = new int[0];
    private int[] runSums = new int[0];
    private int[] everySecondRunSums = new int[0];
    private float[] floatSums = new float[0];
    private float[] floatRunSums = new float[0];
    private int block = CodePanel.COLUMNS;
    private int pairStride;
    private int scaleStride;
    private int sumStride;
    private int runStride;
    private int columns;

    /**
     * Sets the shape.
     *
     * @param block elements that share a scale: 32 or 256
     */
    void shape(int rows, int columns, int block) {
        this.columns = columns;
        this.block = block;
        int padded = (columns + CodePanel.COLUMNS - 1) / CodePanel.COLUMNS * CodePanel.COLUMNS;
        pairStride = padded / 2 % BAD_STRIDE == 0 ? padded / 2 + SUM : padded / 2;
        scaleStride = padded / block;
        sumStride = padded / SUM;
        runStride = padded / CodePanel.RUN;
        pairs = Operands.grown(pairs, Math.multiplyExact(rows, pairStride));
        if (shorts.length < 2 * pairs.length) {
            shorts = new short[2 * pairs.length];
        }
        if (block == CodePanel.RUN) {
            floats = Operands.grown(floats, 2 * pairs.length);
        }
        scales = Operands.grown(scales, rows * scaleStride);
        sums = Operands.grown(sums, rows * sumStride);
        runSums = Operands.grown(runSums, rows * runStride);
        everySecondRunSums = Operands.grown(everySecondRunSums, 2 * runSums.length);
        floatSums = Operands.grown(floatSums, sums.length);
        floatRunSums = Operands.grown(floatRunSums, runSums.length);
    }

    /** Rounds {@code columns} values from {@code at} to row {@code row}. */
    void round(float[] values, int at, int row) {
        for (int from = 0; from < columns; from += block) {
            int length = Math.min(block, columns - from);
            int largest = 0;
            for (int i = at + from; i < at + from + length; i++) {
                // As integers, so that a NaN is larger than everything and spoils the scale.
                largest = Math.max(largest, Float.floatToRawIntBits(values[i]) & 0x7fffffff);
            }
            float most = Float.intBitsToFloat(largest);
            scales[row * scaleStride + from / block] = most / LARGEST;
            roundBlock(
                    values,
                    at + from,
                    largest > LEAST_BITS ? LARGEST / most : 0f,
                    length,
                    row,
                    from);
        }
        Arrays.fill(pairs, row * pairStride + columns / 2, (row + 1) * pairStride, 0);
    }

    private void roundBlock(float[] values, int at, float factor, int length, int row, int from) {
        int to = row * pairStride + from / 2;
        int sumTo = row * sumStride + from / SUM;
        for (int i = 0; i < length; i += SUM) {
            int sum = 0;
            for (int j = i; j < i + SUM; j += 4) {
                int a = rounded(values[at + j], factor);
                int b = rounded(values[at + j + 1], factor);
                int c = rounded(values[at + j + 2], factor);
                int d = rounded(values[at + j + 3], factor);
                sum += (a + b) + (c + d);
                int evens = (a & 0xFFFF) | (c << 16);
                int odds = (b & 0xFFFF) | (d << 16);
                pairs[to + j / 2] = evens;
                pairs[to + j / 2 + 1] = odds;
                if (block == CodePanel.RUN) {
                    shorts[2 * to + j] = (short) a;
                    shorts[2 * to + j + 1] = (short) b;
                    shorts[2 * to + j + 2] = (short) c;
                    shorts[2 * to + j + 3] = (short) d;
                    floats[2 * to + j] = a;
                    floats[2 * to + j + 1] = c;
                    floats[2 * to + j + 2] = b;
                    floats[2 * to + j + 3] = d;
                    continue;
                }
                int word = 2 * to + j / CodePanel.RUN * CodePanel.RUN + j % CodePanel.RUN / 2;
                shorts[word] = (short) a;
                shorts[word + 1] = (short) c;
                shorts[word + RUN_PAIRS] = (short) b;
                shorts[word + RUN_PAIRS + 1] = (short) d;
            }
            sums[sumTo + i / SUM] = sum;
            floatSums[sumTo + i / SUM] = sum;
        }
        int runTo = row * runStride + from / CodePanel.RUN;
        for (int i = 0; i < length / CodePanel.RUN; i++) {
            int sum = sums[sumTo + 2 * i] + sums[sumTo + 2 * i + 1];
            runSums[runTo + i] = sum;
            floatRunSums[runTo + i] = sum;
            everySecondRunSums[2 * (runTo + i) + 1] = sum;
        }
    }

    private static int rounded(float value, float factor) {
        return (byte) Float.floatToRawIntBits(Math.fma(value, factor, ROUNDER));
    }

    /** Elements that share a scale. */
    int block() {
        return block;
    }

    /** Bytes as shorts, in the order of {@link CodePanel#codes}. */
    public int[] pairs() {
        return pairs;
    }

    /** Where row {@code row} starts in {@link #pairs()}. */
    public int pairsAt(int row) {
        return row * pairStride;
    }

    /**
     * The same for weights that are read along a row. With blocks of 256 in the order of words: of
     * each run of 32 first the columns 4i and 4i + 2 of its eight words i, then the columns 4i + 1
     * and 4i + 3; with blocks of 32 in the order of columns. Rows start twice as far as in {@link
     * #pairs()}.
     */
    public short[] shorts() {
        return shorts;
    }

    /**
     * With blocks of 32, the bytes as floats, in the order of {@link CodePanel#floats}; rows start
     * as in {@link #shorts()}.
     */
    public float[] floats() {
        return floats;
    }

    public float[] scales() {
        return scales;
    }

    /** Where row {@code row} starts in {@link #scales()}. */
    public int scalesAt(int row) {
        return row * scaleStride;
    }

    /** Sums of 16 bytes each. */
    public int[] sums() {
        return sums;
    }

    /** The same as floats. */
    public float[] floatSums() {
        return floatSums;
    }

    /** Where row {@code row} starts in {@link #sums()}. */
    public int sumsAt(int row) {
        return row * sumStride;
    }

    /** Sums of 32 bytes each. */
    public int[] runSums() {
        return runSums;
    }

    /** The same as floats. */
    public float[] floatRunSums() {
        return floatRunSums;
    }

    /**
     * Sums of 32 bytes with a zero before each, as they meet a scale and a minimum in turn. Rows
     * start twice as far as in {@link #runSums()}.
     */
    public int[] everySecondRunSums() {
        return everySecondRunSums;
    }

    /** Where row {@code row} starts in {@link #runSums()}. */
    public int runSumsAt(int row) {
        return row * runStride;
    }
}
