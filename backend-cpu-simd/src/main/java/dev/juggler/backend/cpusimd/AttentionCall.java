package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;

/** The arguments of one call of attention, and where its tiles and segments lie. */
final class AttentionCall {
    /** Positions of a tile: whole panels; keys and values of a head of 128 fit the L1 cache. */
    static final int TILE = 8 * LaneKernels.PANEL_ROWS;

    /**
     * Positions of a tile with rounded operands, of which a few queries are at work at a time:
     * enough that what is done once for a query and a tile does not count, and a whole number of
     * the steps of tile registers.
     */
    static final int ROUNDED_TILE = 4 * TILE;

    /** Positions of a segment: whole tiles of either kind. */
    private static final int SEGMENT = 4 * ROUNDED_TILE;

    private Tensor out = Operands.NO_TENSOR;
    private Tensor q = Operands.NO_TENSOR;
    private KvPages kv = new KvPages(Operands.NO_TENSOR, null, 0);
    private AttentionPlan plan = new AttentionPlan(1, 1, 1, 1, 1f, 0, 0f, null);
    private BatchLayout layout = new BatchLayout(0);
    private float[] sinks = new float[0];

    private float[] partials = new float[0];
    private int segmentsOfRow;

    void set(Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        this.out = out;
        this.q = q;
        this.kv = kv;
        this.plan = plan;
        this.layout = layout;
        if (plan.sinks() != null) {
            sinks = Operands.grown(sinks, plan.heads());
            Operands.load(plan.sinks(), 0, sinks, 0, plan.heads());
        }
    }

    Tensor out() {
        return out;
    }

    Tensor q() {
        return q;
    }

    KvPages kv() {
        return kv;
    }

    AttentionPlan plan() {
        return plan;
    }

    BatchLayout layout() {
        return layout;
    }

    boolean hasSinks() {
        return plan.sinks() != null;
    }

    float sink(int head) {
        return sinks[head];
    }

    /** Position of a row of a sequence, counted from the sequence's first row of this step. */
    int position(int sequence, int row) {
        return layout.length(sequence) - layout.rowCount(sequence) + row;
    }

    /** The earliest position that a row at {@code position} sees. */
    int firstVisible(int position) {
        return plan.window() == 0 ? 0 : Math.max(0, position - plan.window() + 1);
    }

    int segmentOf(int position) {
        return position / SEGMENT;
    }

    static int segmentStart(int segment) {
        return segment * SEGMENT;
    }

    static int segmentEnd(int segment) {
        return (segment + 1) * SEGMENT;
    }

    /** The most segments that a row of this call reaches. */
    int mostSegments() {
        int most = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            int last = position(s, layout.rowCount(s) - 1);
            most = Math.max(most, segmentOf(last) - segmentOf(firstVisible(last)) + 1);
        }
        return most;
    }

    /** Makes room for the state of each query after each segment. */
    void makeRoomForPartials() {
        // The first row of a windowed sequence may start one segment before the last row does.
        segmentsOfRow = mostSegments() + 1;
        long size = (long) layout.rows() * plan.heads() * segmentsOfRow * partialSize();
        partials = Operands.grown(partials, Math.toIntExact(size));
    }

    /** Largest score, sum and weighted values of one query after one segment. */
    int partialSize() {
        return 2 + Operands.padded(plan.valueWidth());
    }

    float[] partials() {
        return partials;
    }

    /**
     * Where in {@link #partials()} the state of a query after a segment is.
     *
     * @param row row of the batch
     * @param ordinal number of the segment among those that the row sees
     */
    int partialStart(int row, int head, int ordinal) {
        return ((row * plan.heads() + head) * segmentsOfRow + ordinal) * partialSize();
    }
}
