package dev.juggler.kernel;

/**
 * Which rows of a batch belong to which sequence, and where that sequence's keys and values are.
 * The rows of a sequence are consecutive and so are their positions: the last row of sequence s is
 * at position {@code length(s) - 1}. Filled anew for each step by {@link #clear} and {@link #add};
 * {@link #version} tells a device that its copy is stale.
 */
public final class BatchLayout {
    private final int[] firstRow;
    private final int[] rowCount;
    private final int[] length;
    private final int[][] pages;
    private int sequences;
    private int rows;
    private long version;

    /**
     * @param maxSequences sequences that a batch may hold
     */
    public BatchLayout(int maxSequences) {
        firstRow = new int[maxSequences];
        rowCount = new int[maxSequences];
        length = new int[maxSequences];
        pages = new int[maxSequences][];
    }

    /** Forgets all sequences. */
    public void clear() {
        sequences = 0;
        rows = 0;
        version++;
    }

    /**
     * Appends the rows of one sequence.
     *
     * @param rows new rows of the sequence in this batch
     * @param length positions in the cache once these rows are appended
     * @param pages page of each run of pageSize positions, in order; not copied, so it must stay as
     *     it is until the step is over; a page that a sliding window has left behind may be -1
     */
    public void add(int rows, int length, int[] pages) {
        if (sequences == firstRow.length || rows < 1 || length < rows) {
            throw new IllegalArgumentException(
                    "%d rows of a sequence of %d do not fit behind %d of %d sequences"
                            .formatted(rows, length, sequences, firstRow.length));
        }
        firstRow[sequences] = this.rows;
        rowCount[sequences] = rows;
        this.length[sequences] = length;
        this.pages[sequences] = pages;
        sequences++;
        this.rows += rows;
        version++;
    }

    /** A layout of {@code count} of these sequences, whose rows are counted from 0. */
    public BatchLayout part(int first, int count) {
        BatchLayout part = new BatchLayout(count);
        for (int sequence = first; sequence < first + count; sequence++) {
            part.add(rowCount[sequence], length[sequence], pages[sequence]);
        }
        return part;
    }

    /** Sequences in the batch. */
    public int sequences() {
        return sequences;
    }

    /** Rows in the batch. */
    public int rows() {
        return rows;
    }

    /** First row of a sequence. */
    public int firstRow(int sequence) {
        return firstRow[sequence];
    }

    /** Rows of a sequence. */
    public int rowCount(int sequence) {
        return rowCount[sequence];
    }

    /** Positions of a sequence in the cache, this step's included. */
    public int length(int sequence) {
        return length[sequence];
    }

    /** Positions of all sequences together. */
    public long positions() {
        long sum = 0;
        for (int sequence = 0; sequence < sequences; sequence++) {
            sum += length[sequence];
        }
        return sum;
    }

    /** The page that holds positions {@code [index · pageSize, (index + 1) · pageSize)}. */
    public int page(int sequence, int index) {
        return pages[sequence][index];
    }

    /** Changes whenever the content does. */
    public long version() {
        return version;
    }
}
