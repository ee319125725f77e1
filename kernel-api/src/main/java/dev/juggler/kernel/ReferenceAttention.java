package dev.juggler.kernel;

import dev.juggler.kernel.quant.BlockFormat;
import dev.juggler.kernel.quant.BlockFormats;
import dev.juggler.kernel.quant.Quantizer;
import dev.juggler.kernel.quant.Quantizers;
import org.jspecify.annotations.Nullable;

/**
 * The definition of {@link Kernels#attention} for one sequence and one key-value head, and of
 * {@link Kernels#appendKv}.
 */
final class ReferenceAttention {
    private final AttentionPlan plan;
    private final int kvHead;
    private final int firstRow;
    private final int rows;
    private final int length;

    /** The earliest position that any of the rows sees. */
    private final int start;

    /** Keys and values of positions from {@code start}, one after the other. */
    private final float[] keys;

    private final float[] values;
    private final float @Nullable [] sinks;

    ReferenceAttention(
            KvPages kv, AttentionPlan plan, BatchLayout layout, int sequence, int kvHead) {
        this.plan = plan;
        this.kvHead = kvHead;
        firstRow = layout.firstRow(sequence);
        rows = layout.rowCount(sequence);
        length = layout.length(sequence);
        start = firstVisible(length - rows);
        keys = new float[(length - start) * plan.keyWidth()];
        values = new float[(length - start) * plan.valueWidth()];
        Tensor stored = kv.values();
        for (int position = start; position < length; position++) {
            long slot = slot("attention", kv, layout, sequence, position);
            int index = position - start;
            loadHead(kv.keys(), slot, plan.keyWidth(), keys, index);
            if (stored != null) {
                loadHead(stored, slot, plan.valueWidth(), values, index);
            } else {
                System.arraycopy(
                        keys,
                        index * plan.keyWidth(),
                        values,
                        index * plan.valueWidth(),
                        plan.valueWidth());
            }
        }
        sinks = plan.sinks() == null ? null : HostRows.loadAll(plan.sinks());
    }

    /** Converts rows to the cache's type and puts each into its slot. */
    static void append(Tensor stored, Tensor rows, Tensor slots) {
        Quantizer quantizer = Quantizers.of(stored.dtype());
        float[] row = new float[rows.columns()];
        long places = (long) stored.count() * stored.rows();
        for (int r = 0; r < rows.rows(); r++) {
            int slot = HostRows.id(slots, r);
            if (slot < 0 || slot >= places) {
                throw new IllegalArgumentException(
                        "appendKv: slot %d of row %d is not one of %d".formatted(slot, r, places));
            }
            HostRows.load(rows, r, row);
            long at = stored.offset() + slot * stored.rowBytes();
            quantizer.quantize(row, 0, HostRows.memory(stored), at, row.length);
        }
    }

    /** All keys of all sequences, one after the other. */
    static void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        float[] row = new float[out.columns()];
        int next = 0;
        for (int sequence = 0; sequence < layout.sequences(); sequence++) {
            for (int position = 0; position < layout.length(sequence); position++) {
                HostRows.load(kv.keys(), slot("readKeys", kv, layout, sequence, position), row);
                HostRows.store(row, out, next++);
            }
        }
    }

    /** Computes the rows of the sequence for the query heads that share the key-value head. */
    void attend(Tensor out, Tensor q) {
        int group = plan.heads() / plan.kvHeads();
        float[] queries = new float[q.columns()];
        float[] results = new float[out.columns()];
        for (int r = 0; r < rows; r++) {
            HostRows.load(q, firstRow + r, queries);
            HostRows.load(out, firstRow + r, results);
            for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
                attendHead(queries, head, length - rows + r, results);
            }
            HostRows.store(results, out, firstRow + r);
        }
    }

    private void attendHead(float[] queries, int head, int position, float[] results) {
        int first = firstVisible(position);
        double[] scores = new double[position - first + 1];
        double largest = sinks == null ? Double.NEGATIVE_INFINITY : sinks[head];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = score(queries, head * plan.keyWidth(), first + i - start);
            largest = Math.max(largest, scores[i]);
        }
        double sum = sinks == null ? 0 : Math.exp(sinks[head] - largest);
        double[] weighted = new double[plan.valueWidth()];
        for (int i = 0; i < scores.length; i++) {
            double power = Math.exp(scores[i] - largest);
            sum += power;
            int from = (first + i - start) * plan.valueWidth();
            for (int d = 0; d < weighted.length; d++) {
                weighted[d] += power * values[from + d];
            }
        }
        for (int d = 0; d < weighted.length; d++) {
            results[head * plan.valueWidth() + d] = (float) (weighted[d] / sum);
        }
    }

    private double score(float[] queries, int query, int index) {
        double dot = 0;
        for (int d = 0; d < plan.keyWidth(); d++) {
            dot += (double) queries[query + d] * keys[index * plan.keyWidth() + d];
        }
        double score = dot * plan.scale();
        double cap = plan.softCap();
        return cap == 0 ? score : cap * Math.tanh(score / cap);
    }

    private int firstVisible(int position) {
        return plan.window() == 0 ? 0 : Math.max(0, position - plan.window() + 1);
    }

    private static long slot(
            String operation, KvPages kv, BatchLayout layout, int sequence, int position) {
        int page = layout.page(sequence, position / kv.pageSize());
        if (page < 0 || page >= kv.pages()) {
            throw new IllegalArgumentException(
                    "%s: position %d of sequence %d is on page %d, there are %d"
                            .formatted(operation, position, sequence, page, kv.pages()));
        }
        return (long) page * kv.pageSize() + position % kv.pageSize();
    }

    /** Decodes one head's part of a cached row. A block may reach into the next head. */
    private void loadHead(Tensor stored, long slot, int width, float[] target, int index) {
        int from = kvHead * width;
        BlockFormat format = BlockFormats.of(stored.dtype());
        int block = stored.dtype().blockElements();
        int blockFrom = from / block * block;
        int blockEnd = (from + width + block - 1) / block * block;
        long bytes = stored.offset() + slot * stored.rowBytes() + stored.dtype().bytes(blockFrom);
        float[] decoded = new float[blockEnd - blockFrom];
        format.dequantize(HostRows.memory(stored), bytes, decoded, 0, decoded.length);
        System.arraycopy(decoded, from - blockFrom, target, index * width, width);
    }
}
