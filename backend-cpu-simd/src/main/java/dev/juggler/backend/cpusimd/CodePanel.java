package dev.juggler.backend.cpusimd;

/**
 * A few weight rows by 256 columns, taken apart so that a weight row is a lane of every vector and
 * no sum runs across lanes. With {@code height} rows, element r of each group of {@code height}
 * array elements belongs to row r.
 */
public final class CodePanel {
    /** Columns of a panel: a block of most types, eight of the others. */
    public static final int COLUMNS = 256;

    /** Columns that are read together along a row: more is too much for the compiler. */
    public static final int HALF = COLUMNS / 2;

    /** Columns that are taken apart together. */
    public static final int RUN = 32;

    /** Columns that rows are read along at once: their sums and x stay in the L1 cache. */
    public static final int MOST_ROW_COLUMNS = 4096;

    /** Rows that are read along one after the other before their sums are brought to scale. */
    public static final int ALONG = 8;

    /** 32-bit words of codes and scales in a block of 256 at most. */
    private static final int MOST_WORDS = 72;

    /** Bytes of a chunk at most: eight blocks of Q8_0. */
    private static final int MOST_BYTES = 8 * 34;

    /** A chunk of one row as it is stored. */
    public final byte[] stored = new byte[MOST_BYTES];

    /** The blocks of all rows, word by word. */
    public final int[] words;

    /**
     * Codes in two halves of an int: element 2 · (c / 4) · height + r holds columns c and c + 2 of
     * row r, and the next group holds columns c + 1 and c + 3, for c a multiple of 4. A word of
     * four bytes falls apart into these two by a shift and two masks.
     */
    public final int[] codes;

    /**
     * Codes of blocks of 32 as floats: for each int of {@link #codes} its lower half, its upper.
     */
    public final float[] floats;

    /** Sums of these while a panel is multiplied. */
    public final float[] floatSums;

    /** Lower four bits of {@link #codes} of eight bits in blocks of 256. */
    public final int[] lowCodes;

    /** What is left of them, a sixteenth. */
    public final int[] highCodes;

    /** Integer scales of those, sixteen times as large. */
    public final int[] highScales;

    /** Integer scales, by 16 or 32 columns. */
    public final int[] scales;

    /** Integer minimums as floats, by as many columns: sums of their products with x are exact. */
    public final float[] minimums;

    /** Scales of the blocks. */
    public final float[] blockScales;

    /** Scales of the integer minimums of the blocks; of blocks of 32 the minimums themselves. */
    public final float[] blockMinimums;

    /** Sums while a panel is multiplied. */
    public final int[] sums;

    /**
     * Eight partial sums of each half of a block of 256, or of each block of 32, of rows that are
     * read along, one after another.
     */
    public final int[] partials = new int[ALONG * ALONG * MOST_ROW_COLUMNS / RUN];

    /** Sums of blocks of rows that are read along: element {@code 8 · block + row}. */
    public final int[] totals = new int[ALONG * MOST_ROW_COLUMNS / RUN];

    /** Their scales in the same order, of blocks of 32; in the second panel their minimums. */
    public final float[] totalScales = new float[ALONG * MOST_ROW_COLUMNS / RUN];

    /**
     * Scales of blocks of 256 as they are stored, in the same order: half-width floats in the lower
     * 16 bits; in the upper ones those of minimums, where there are any.
     */
    public final int[] totalHalves = new int[ALONG * MOST_ROW_COLUMNS / COLUMNS];

    /** Weights that are wanted behind these; of the left panel, for both. */
    public final Ahead ahead = new Ahead();

    CodePanel(int height) {
        words = new int[MOST_WORDS * height];
        codes = new int[COLUMNS / 2 * height];
        floats = new float[COLUMNS * height];
        floatSums = new float[8 * height];
        lowCodes = new int[COLUMNS / 2 * height];
        highCodes = new int[COLUMNS / 2 * height];
        highScales = new int[COLUMNS / RUN * height];
        scales = new int[COLUMNS / 16 * height];
        minimums = new float[COLUMNS / 16 * height];
        blockScales = new float[COLUMNS / RUN * height];
        blockMinimums = new float[COLUMNS / RUN * height];
        sums = new int[8 * height];
    }
}
