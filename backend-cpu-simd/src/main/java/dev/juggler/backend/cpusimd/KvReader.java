package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Reads keys and values of one head from the pages of a cache, converted to F32. */
final class KvReader {
    private final MatrixKernels matrix;
    private final @Nullable NativeAttention natives;
    private final WorkerScratch scratch;

    /** Addresses of rows. */
    private final long[] rows = new long[AttentionCall.TILE];

    private final MemorySegment addresses = MemorySegment.ofArray(rows);
    private final NativeAttention.HeapArray keys = new NativeAttention.HeapArray();
    private final NativeAttention.HeapArray values = new NativeAttention.HeapArray();

    KvReader(KernelContext context, WorkerScratch scratch) {
        matrix = context.matrix();
        @Nullable NativeKernels kernels = context.natives();
        natives = kernels == null ? null : kernels.attention();
        this.scratch = scratch;
    }

    /**
     * Keys of positions {@code [tile + from, tile + to)}; place i goes to {@code target[i ·
     * stride]}, padded with zeros.
     */
    void read(
            AttentionCall call,
            int sequence,
            int tile,
            int from,
            int to,
            int kvHead,
            float[] target,
            int stride) {
        int width = call.plan().keyWidth();
        readHeads(
                call,
                call.kv().keys(),
                sequence,
                tile,
                from,
                to,
                kvHead,
                width,
                target,
                stride,
                keys);
    }

    /** As {@link #read} for values, of a cache that has them. */
    void readValues(
            AttentionCall call,
            int sequence,
            int tile,
            int from,
            int to,
            int kvHead,
            float[] target,
            int stride) {
        @Nullable Tensor stored = call.kv().values();
        if (stored == null) {
            return;
        }
        int width = call.plan().valueWidth();
        readHeads(call, stored, sequence, tile, from, to, kvHead, width, target, stride, values);
    }

    private void readHeads(
            AttentionCall call,
            Tensor stored,
            int sequence,
            int tile,
            int from,
            int to,
            int kvHead,
            int width,
            float[] target,
            int stride,
            NativeAttention.HeapArray memory) {
        int first = kvHead * width;
        int block = stored.dtype().blockElements();
        boolean inBlocks = first % block == 0 && width % block == 0;
        if (natives != null && inBlocks && NativeKernels.decodesRows(stored.dtype())) {
            findRows(call, stored, sequence, tile, from, to, first, rows);
            memory.set(target);
            natives.decodeRows(
                    stored.dtype(), addresses, from, to, width, memory.segment(), stride);
            return;
        }
        for (int i = from; i < to; i++) {
            readHead(stored, slot(call, sequence, tile + i), first, width, target, i * stride);
            Arrays.fill(target, i * stride + width, (i + 1) * stride, 0f);
        }
    }

    /** True if keys and values lie in whole blocks that are decoded in C. */
    boolean areRowsStoredWhole(AttentionCall call) {
        @Nullable Tensor values = call.kv().values();
        return areStoredWhole(call.kv().keys(), call.plan().keyWidth())
                && areStoredWhole(
                        values == null ? call.kv().keys() : values, call.plan().valueWidth());
    }

    private static boolean areStoredWhole(Tensor stored, int width) {
        return NativeKernels.decodesRows(stored.dtype())
                && width % stored.dtype().blockElements() == 0;
    }

    /** Where keys and values of positions {@code [tile + from, tile + to)} are. */
    void find(
            AttentionCall call,
            int sequence,
            int tile,
            int from,
            int to,
            int kvHead,
            NativeAttention.StoredRows rows) {
        Tensor keys = call.kv().keys();
        int first = kvHead * call.plan().keyWidth();
        findRows(call, keys, sequence, tile, from, to, first, rows.keys(keys.dtype()));
        @Nullable Tensor values = call.kv().values();
        if (values != null) {
            first = kvHead * call.plan().valueWidth();
            findRows(call, values, sequence, tile, from, to, first, rows.values(values.dtype()));
        }
    }

    /** Addresses of element {@code first} of rows, page after page. */
    private static void findRows(
            AttentionCall call,
            Tensor stored,
            int sequence,
            int tile,
            int from,
            int to,
            int first,
            long[] rows) {
        long start = Operands.address(stored) + stored.dtype().bytes(first);
        long bytes = stored.rowBytes();
        int page = call.kv().pageSize();
        for (int i = from; i < to; ) {
            long address = start + slot(call, sequence, tile + i) * bytes;
            int end = Math.min(to, i + page - (tile + i) % page);
            for (; i < end; i++, address += bytes) {
                rows[i] = address;
            }
        }
    }

    private static long slot(AttentionCall call, int sequence, int position) {
        KvPages kv = call.kv();
        int page = call.layout().page(sequence, position / kv.pageSize());
        if (page < 0 || page >= kv.pages()) {
            throw new IllegalArgumentException(
                    "attention: position %d of sequence %d is on page %d, there are %d"
                            .formatted(position, sequence, page, kv.pages()));
        }
        return (long) page * kv.pageSize() + position % kv.pageSize();
    }

    /** Elements {@code [from, from + width)} of a stored row. */
    private void readHead(Tensor stored, long slot, int from, int width, float[] target, int at) {
        int block = stored.dtype().blockElements();
        int before = from % block;
        if (before == 0 && width % block == 0) {
            decode(stored, slot, from, target, at, width);
            return;
        }
        // A block may reach into the heads beside.
        int whole = (before + width + block - 1) / block * block;
        float[] blocks = scratch.floats(WorkerScratch.Use.PANEL, whole);
        decode(stored, slot, from - before, blocks, 0, whole);
        System.arraycopy(blocks, before, target, at, width);
    }

    private void decode(Tensor stored, long slot, int from, float[] target, int at, int count) {
        RowDecoder decoder = matrix.decoder(stored.dtype());
        long row = stored.offset() + slot * stored.rowBytes();
        for (int done = 0; done < count; done += WorkerScratch.RUN) {
            int length = Math.min(WorkerScratch.RUN, count - done);
            long source = row + stored.dtype().bytes(from + done);
            decoder.decode(Operands.memory(stored), source, target, at + done, length, scratch);
        }
    }
}
