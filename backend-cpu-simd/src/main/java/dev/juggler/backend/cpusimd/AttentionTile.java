package dev.juggler.backend.cpusimd;

import static dev.juggler.backend.cpusimd.AttentionCall.ROUNDED_TILE;
import static dev.juggler.backend.cpusimd.AttentionCall.TILE;
import static dev.juggler.backend.cpusimd.LaneKernels.LANES;
import static dev.juggler.backend.cpusimd.LaneKernels.PANEL_ROWS;

import dev.juggler.backend.cpusimd.WorkerScratch.Use;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.DType;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One worker's computation of attention: some rows of a sequence, some heads that share their keys,
 * one tile of positions after the other.
 *
 * <p>Query number n is head {@code n % heads} of row {@code n / heads}. The state of a query is the
 * largest score so far, the sum of exp(score - largest), and the values weighted with the same. It
 * is kept for the present segment and for all segments before.
 */
final class AttentionTile {
    private final KernelContext context;
    private final WorkerScratch scratch;
    private final KvReader reader;
    private final @Nullable NativeAttention natives;
    private final NativeAttention.Arrays arrays = new NativeAttention.Arrays();
    private final NativeAttention.Tile tile = new NativeAttention.Tile();
    private final NativeAttention.StoredRows storedRows = new NativeAttention.StoredRows();
    private final boolean rounds;

    private AttentionCall call = new AttentionCall();
    private int sequence;
    private int firstRow;
    private int rows;
    private int firstHead;
    private int heads;

    private int keyStride;
    private int valueStride;
    private int sumStride;
    private boolean rounded;
    private float[] queries = new float[0];
    private float[] scores = new float[0];

    /** Largest score and sum of each query: of the segment, then of all before. */
    private float[] softmax = new float[0];

    /** Weighted values of each query: of the segment, then of all before. */
    private float[] weighted = new float[0];

    AttentionTile(KernelContext context, WorkerScratch scratch) {
        this.context = context;
        this.scratch = scratch;
        reader = new KvReader(context, scratch);
        @Nullable NativeKernels kernels = context.natives();
        natives = kernels == null ? null : kernels.attention();
        rounds = kernels != null && kernels.rounds();
    }

    /** Takes up a task and loads its queries. */
    void start(AttentionCall call, int sequence, int firstRow, int rows, int firstHead, int heads) {
        this.call = call;
        this.sequence = sequence;
        this.firstRow = firstRow;
        this.rows = rows;
        this.firstHead = firstHead;
        this.heads = heads;
        AttentionPlan plan = call.plan();
        keyStride = Operands.padded(plan.keyWidth());
        sumStride = Operands.padded(plan.valueWidth());
        valueStride = call.kv().values() == null ? keyStride : sumStride;
        int count = rows * heads;
        queries = scratch.floats(Use.QUERIES, count * keyStride);
        softmax = scratch.floats(Use.SOFTMAX, 4 * count);
        weighted = scratch.floats(Use.WEIGHTED, 2 * count * sumStride);
        int width = plan.keyWidth();
        for (int n = 0; n < count; n++) {
            int row = call.layout().firstRow(sequence) + firstRow + n / heads;
            long from = ((long) row * plan.heads() + firstHead + n % heads) * width;
            int at = n * keyStride;
            Operands.load(call.q(), from, queries, at, width);
            Arrays.fill(queries, at + width, at + keyStride, 0f);
        }
        rounded =
                rounds && call.kv().keys().dtype() != DType.F32 && reader.areRowsStoredWhole(call);
        if (natives != null && rounded) {
            arrays.exactQueries.set(queries);
            queries =
                    scratch.floats(
                            Use.ROUNDED_QUERIES, NativeAttention.roundedQueries(count, keyStride));
            arrays.queries.set(queries);
            natives.roundQueries(
                    arrays.exactQueries.segment(), count, keyStride, arrays.queries.segment());
            int words = NativeAttention.scratch(keyStride, sumStride);
            arrays.scratch.set(scratch.floats(Use.ROUNDED, words));
        } else {
            scores = scratch.floats(Use.SCORES, count * TILE);
        }
    }

    /** All segments, and the result. */
    void computeAll() {
        int count = rows * heads;
        int first = call.segmentOf(call.firstVisible(position(0)));
        int last = call.segmentOf(position(rows - 1));
        if (rounded) {
            fillStates(count, 2 * count);
        }
        for (int segment = first; segment <= last; segment++) {
            computeSegment(segment, true);
            for (int n = 0; n < count && !rounded; n++) {
                if (sees(n / heads, segment)) {
                    boolean isFirst =
                            segment == call.segmentOf(call.firstVisible(position(n / heads)));
                    merge(softmax, 2 * n, weighted, n * sumStride, count, n, isFirst);
                }
            }
        }
        for (int n = 0; n < count; n++) {
            int row = call.layout().firstRow(sequence) + firstRow + n / heads;
            finish(row, firstHead + n % heads, count, n);
        }
    }

    /** One segment, whose state is put aside for {@link #mergeRow}. */
    void computePart(int segment) {
        computeSegment(segment, false);
        float[] partials = call.partials();
        for (int n = 0; n < rows * heads; n++) {
            if (sees(n / heads, segment)) {
                int first = call.segmentOf(call.firstVisible(position(n / heads)));
                int row = call.layout().firstRow(sequence) + firstRow + n / heads;
                int at = call.partialStart(row, firstHead + n % heads, segment - first);
                partials[at] = softmax[2 * n];
                partials[at + 1] = softmax[2 * n + 1];
                System.arraycopy(weighted, n * sumStride, partials, at + 2, sumStride);
            }
        }
    }

    /** Puts the segments of all heads of a row of the batch together. */
    void mergeRow(AttentionCall call, int row) {
        this.call = call;
        sumStride = Operands.padded(call.plan().valueWidth());
        softmax = scratch.floats(Use.SOFTMAX, 4);
        weighted = scratch.floats(Use.WEIGHTED, 2 * sumStride);
        int holder = 0;
        while (row >= call.layout().firstRow(holder) + call.layout().rowCount(holder)) {
            holder++;
        }
        int position = call.position(holder, row - call.layout().firstRow(holder));
        int first = call.segmentOf(call.firstVisible(position));
        int last = call.segmentOf(position);
        for (int head = 0; head < call.plan().heads(); head++) {
            for (int segment = first; segment <= last; segment++) {
                int at = call.partialStart(row, head, segment - first);
                float[] partials = call.partials();
                merge(partials, at, partials, at + 2, 1, 0, segment == first);
            }
            finish(row, head, 1, 0);
        }
    }

    /**
     * Adds the state of a segment to that of all before.
     *
     * @param state largest score and sum of the segment at {@code stateAt}
     * @param sums weighted values of the segment at {@code sumsAt}
     * @param n the query, of {@code count}
     * @param isFirst if there is none before
     */
    private void merge(
            float[] state,
            int stateAt,
            float[] sums,
            int sumsAt,
            int count,
            int n,
            boolean isFirst) {
        int total = 2 * (count + n);
        int totalSums = (count + n) * sumStride;
        if (isFirst) {
            softmax[total] = state[stateAt];
            softmax[total + 1] = state[stateAt + 1];
            System.arraycopy(sums, sumsAt, weighted, totalSums, sumStride);
            return;
        }
        float largest = Math.max(softmax[total], state[stateAt]);
        float before = Exponential.of(softmax[total] - largest);
        float now = Exponential.of(state[stateAt] - largest);
        softmax[total] = largest;
        softmax[total + 1] = softmax[total + 1] * before + state[stateAt + 1] * now;
        for (int i = 0; i < sumStride; i++) {
            weighted[totalSums + i] = weighted[totalSums + i] * before + sums[sumsAt + i] * now;
        }
    }

    /** Divides by the sum, the sink's share included, and writes the result of one query. */
    private void finish(int row, int head, int count, int n) {
        float largest = softmax[2 * (count + n)];
        float sum = softmax[2 * (count + n) + 1];
        float factor = 1 / sum;
        if (call.hasSinks()) {
            float sink = call.sink(head);
            float top = Math.max(largest, sink);
            float share = Exponential.of(largest - top);
            factor = share / (sum * share + Exponential.of(sink - top));
        }
        int width = call.plan().valueWidth();
        int at = (count + n) * sumStride;
        RowLoops.scale(weighted, at, factor, width);
        long to = ((long) row * call.plan().heads() + head) * width;
        Operands.store(weighted, at, call.out(), to, width);
    }

    private int position(int row) {
        return call.position(sequence, firstRow + row);
    }

    private boolean sees(int row, int segment) {
        int position = position(row);
        return call.firstVisible(position) < AttentionCall.segmentEnd(segment)
                && position >= AttentionCall.segmentStart(segment);
    }

    /** States of queries that have seen nothing. */
    private void fillStates(int first, int end) {
        for (int n = first; n < end; n++) {
            softmax[2 * n] = Float.NEGATIVE_INFINITY;
            softmax[2 * n + 1] = 0;
        }
    }

    /**
     * Computes the state of a segment.
     *
     * @param merges whether, with rounded operands, it goes into that of all before at once
     */
    private void computeSegment(int segment, boolean merges) {
        int count = rows * heads;
        if (!rounded) {
            fillStates(0, count);
            Arrays.fill(weighted, 0, count * sumStride, 0f);
        }
        int places = rounded ? ROUNDED_TILE : TILE;
        int lowest = call.firstVisible(position(0));
        int end = Math.min(position(rows - 1) + 1, AttentionCall.segmentEnd(segment));
        int start = Math.max(AttentionCall.segmentStart(segment), lowest / places * places);
        tile.count = count;
        tile.heads = heads;
        tile.position = position(0);
        for (int first = start; first < end; first += places) {
            tile.first = first;
            tile.from = Math.max(0, lowest - first);
            tile.to = Math.min(places, end - first);
            if (natives != null && rounded) {
                int part = first == start ? NativeAttention.BEGINS : 0;
                part |= merges && first + places >= end ? NativeAttention.ENDS : 0;
                attendRounded(natives, part);
            } else {
                attend();
            }
        }
    }

    /** Scores, softmax and weighted values of the tile, in F32. */
    private void attend() {
        int from = tile.from;
        int to = tile.to;
        float[] keys = scratch.floats(Use.KEYS, TILE * keyStride);
        reader.read(call, sequence, tile.first, from, to, kvHead(), keys, keyStride);
        float[] values = keys;
        if (call.kv().values() != null) {
            values = scratch.floats(Use.VALUES, TILE * valueStride);
            reader.readValues(call, sequence, tile.first, from, to, kvHead(), values, valueStride);
        }
        if (natives != null) {
            arrays.queries.set(queries);
            arrays.keys.set(keys);
            arrays.values.set(values);
            arrays.scores.set(scores);
            arrays.softmax.set(softmax);
            arrays.weighted.set(weighted);
            natives.attend(arrays, tile, keyStride, valueStride, sumStride, call.plan());
            return;
        }
        score(keys, from, to);
        for (int n = 0; n < tile.count; n++) {
            addTile(n, tile.first, values);
        }
    }

    /** The same of the tile's rows as they are stored, with operands that are rounded. */
    private void attendRounded(NativeAttention kernels, int part) {
        reader.find(call, sequence, tile.first, tile.from, tile.to, kvHead(), storedRows);
        arrays.queries.set(queries);
        arrays.softmax.set(softmax);
        arrays.weighted.set(weighted);
        kernels.attendRounded(arrays, tile, storedRows, call.plan(), part);
    }

    private int kvHead() {
        return firstHead / (call.plan().heads() / call.plan().kvHeads());
    }

    /** Scores of all queries with places {@code [from, to)} of a tile. */
    private void score(float[] keys, int from, int to) {
        int count = rows * heads;
        float scale = call.plan().scale();
        float[] lanes = scratch.floats(Use.LANES, 2 * PANEL_ROWS * LANES);
        for (int panel = from / PANEL_ROWS * PANEL_ROWS; panel < to; panel += PANEL_ROWS) {
            int wAt = panel * keyStride;
            for (int n = 0; n < count; n += 2) {
                int first = n * keyStride;
                int scoreAt = n * TILE + panel;
                LaneKernels loops = context.loops();
                if (n + 1 < count) {
                    loops.scaledPairs(
                            keys,
                            wAt,
                            keyStride,
                            queries,
                            first,
                            first + keyStride,
                            keyStride,
                            lanes,
                            scale,
                            scores,
                            scoreAt,
                            scoreAt + TILE);
                    continue;
                }
                Arrays.fill(lanes, 0, PANEL_ROWS * LANES, 0f);
                loops.dots(keys, wAt, keyStride, queries, first, keyStride, lanes, 0);
                loops.addLanes(lanes, PANEL_ROWS);
                for (int i = 0; i < PANEL_ROWS; i++) {
                    scores[scoreAt + i] = scale * lanes[i];
                }
            }
        }
    }

    /** Takes the visible places of a tile into the state of a query. */
    private void addTile(int n, int tile, float[] values) {
        int position = position(n / heads);
        int from = Math.max(0, call.firstVisible(position) - tile);
        int to = Math.min(TILE, position + 1 - tile);
        if (from >= to) {
            return;
        }
        int at = n * TILE;
        float cap = call.plan().softCap();
        if (cap != 0) {
            cap(at, cap);
        }
        fillUnseen(at, from, to, Float.NEGATIVE_INFINITY);
        float before = softmax[2 * n];
        float largest = Math.max(before, context.loops().largest(scores, at, TILE));
        int sums = n * sumStride;
        if (largest > before && before != Float.NEGATIVE_INFINITY) {
            float factor = Exponential.of(before - largest);
            softmax[2 * n + 1] *= factor;
            RowLoops.scale(weighted, sums, factor, sumStride);
        }
        softmax[2 * n] = largest;
        context.loops().exp(scores, at, TILE, largest);
        fillUnseen(at, from, to, 0f);
        softmax[2 * n + 1] += context.loops().sum(scores, at, TILE);
        context.loops()
                .addWeightedRows(
                        scores,
                        at + from,
                        to - from,
                        values,
                        from * valueStride,
                        valueStride,
                        weighted,
                        sums,
                        sumStride);
    }

    /** Sets the scores from {@code at} of places that are not in {@code [from, to)}. */
    private void fillUnseen(int at, int from, int to, float value) {
        for (int i = at; i < at + from; i++) {
            scores[i] = value;
        }
        for (int i = at + to; i < at + TILE; i++) {
            scores[i] = value;
        }
    }

    /** {@code cap · tanh(score / cap)}, with tanh(x) = 1 - 2 / (exp(2x) + 1). */
    private void cap(int at, float cap) {
        RowLoops.scale(scores, at, 2 / cap, TILE);
        context.loops().exp(scores, at, TILE, 0f);
        for (int i = at; i < at + TILE; i++) {
            scores[i] = cap * (1 - 2 / (scores[i] + 1));
        }
    }
}
