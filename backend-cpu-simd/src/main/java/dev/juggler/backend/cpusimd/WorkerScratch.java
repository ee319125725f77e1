package dev.juggler.backend.cpusimd;

import java.util.EnumMap;
import java.util.Map;

/**
 * Memory of one worker that it may use inside a piece. Arrays grow to the largest size asked for
 * and stay; their content is left over from whoever used them last.
 */
public final class WorkerScratch {
    /** Elements of a row that are decoded at once: a panel of such runs stays in the L1 cache. */
    public static final int RUN = 512;

    /** Bytes of undecoded elements. */
    public final byte[] bytes = new byte[RUN * Float.BYTES];

    /** Undecoded half-width floats. */
    public final short[] shorts = new short[RUN];

    private static final float[] NONE = new float[0];

    private final Map<Use, float[]> arrays = new EnumMap<>(Use.class);

    /** Numbers of rows. */
    public final int[] rows = new int[CodeKernels.MOST_X];

    private CodePanel[] panels = new CodePanel[0];

    /** What a float array is for; arrays of different uses can be in use together. */
    public enum Use {
        /** Decoded weights. */
        PANEL,
        /** Partial sums by lane. */
        LANES,
        /** Results of a piece. */
        TILE,
        /** More results of a piece. */
        SECOND_TILE,
        /** Query vectors of attention, or one row of an operand. */
        QUERIES,
        /** Keys of a run of positions, or one row of another operand. */
        KEYS,
        /** Values of a run of positions, or one row of a third operand. */
        VALUES,
        /** Scores of a run of positions. */
        SCORES,
        /** Running maximum and sum of scores. */
        SOFTMAX,
        /** Weighted sum of values. */
        WEIGHTED,
        /** Query vectors as shorts. */
        ROUNDED_QUERIES,
        /** Keys, values and factors of attention as shorts. */
        ROUNDED
    }

    public WorkerScratch() {
        for (Use use : Use.values()) {
            arrays.put(use, NONE);
        }
    }

    /** Panels of {@code height} rows; made once, since all loops of a backend have one height. */
    CodePanel[] panels(int height) {
        if (panels.length == 0) {
            panels = new CodePanel[] {new CodePanel(height), new CodePanel(height)};
        }
        return panels;
    }

    /** The array of a use, at least {@code size} long. */
    public float[] floats(Use use, int size) {
        float[] array = arrays.getOrDefault(use, NONE);
        if (array.length < size) {
            array = new float[Math.max(size, 2 * array.length)];
            arrays.put(use, array);
        }
        return array;
    }
}
