package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.DType;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Attention in C: tiles in F32, as {@link AttentionTile} has them, or with rounded operands over
 * rows as they are stored, see rounded_attention.h. Calls of either kind are linked when the first
 * is made.
 */
final class NativeAttention {
    /** What a tile is of its segment, in bits; library.c has the same. */
    static final int BEGINS = 1;

    static final int ENDS = 2;

    /** As in rounded_attention.h and tiled_attention.c: queries, elements and sums at work. */
    private static final int GROUP = 32;

    private static final int STEP = 64;
    private static final int BLOCK_SUMS = 2 * 3 * 256;
    private static final int ROWS = 16;

    /** Floats of a cache line. */
    private static final int LINE = 16;

    private final int set;

    NativeAttention(int set) {
        this.set = set;
    }

    private static final class Exact {
        static final MethodHandle ATTEND = NativeLibrary.attention().attend();
        static final MethodHandle DECODE_ROWS = NativeLibrary.attention().decodeRows();

        private Exact() {}
    }

    private static final class Rounded {
        static final MethodHandle ATTEND = NativeLibrary.attention().attendRounded();
        static final MethodHandle ROUND_QUERIES = NativeLibrary.attention().roundQueries();

        private Rounded() {}
    }

    /** The arrays that attention works on. */
    static final class Arrays {
        final HeapArray exactQueries = new HeapArray();
        final HeapArray queries = new HeapArray();
        final HeapArray keys = new HeapArray();
        final HeapArray values = new HeapArray();
        final HeapArray scores = new HeapArray();
        final HeapArray softmax = new HeapArray();
        final HeapArray weighted = new HeapArray();
        final HeapArray scratch = new HeapArray();
    }

    /** An array as memory; a new object only where the array is another than last time. */
    static final class HeapArray {
        private float[] array = new float[0];
        private MemorySegment segment = MemorySegment.ofArray(array);

        @SuppressWarnings("ReferenceEquality") // the same array, not one with equal elements
        void set(float[] array) {
            if (this.array != array) {
                this.array = array;
                segment = MemorySegment.ofArray(array);
            }
        }

        MemorySegment segment() {
            return segment;
        }
    }

    /** Rows of a head at the places of a tile, in whole blocks of types that are decoded in C. */
    static final class StoredRows {
        private final long[] keyRows = new long[AttentionCall.ROUNDED_TILE];
        private final long[] valueRows = new long[AttentionCall.ROUNDED_TILE];
        private final MemorySegment keys = MemorySegment.ofArray(keyRows);
        private final MemorySegment ownValues = MemorySegment.ofArray(valueRows);
        private MemorySegment values = keys;
        private DType keyType = DType.F32;
        private DType valueType = DType.F32;

        /** The addresses to be filled in: of keys, which are the values, too. */
        long[] keys(DType dtype) {
            keyType = dtype;
            valueType = dtype;
            values = keys;
            return keyRows;
        }

        /** After {@link #keys}: those of values of their own. */
        long[] values(DType dtype) {
            valueType = dtype;
            values = ownValues;
            return valueRows;
        }
    }

    /** Places of a tile, and the queries that see it. */
    static final class Tile {
        /** Queries, {@code heads} of each row. */
        int count;

        int heads;

        /** Position of the tile's first place. */
        int first;

        /** First place that holds a key and a value, and the place behind the last one. */
        int from;

        int to;

        /** Position of the first row. */
        int position;
    }

    /**
     * Decodes rows of whole blocks at some addresses (64 bits each) to {@code out}, row i to {@code
     * i · stride}, filled up with zeros.
     */
    void decodeRows(
            DType dtype,
            MemorySegment rows,
            int from,
            int to,
            int elements,
            MemorySegment out,
            int stride) {
        try {
            Exact.DECODE_ROWS.invokeExact(
                    set, dtype.ggmlId(), rows, from, to, elements, out, stride);
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    /** Takes a tile of {@link AttentionCall#TILE} places into the state of some queries, in F32. */
    void attend(
            Arrays arrays,
            Tile tile,
            int keyStride,
            int valueStride,
            int sumStride,
            AttentionPlan plan) {
        try {
            Exact.ATTEND.invokeExact(
                    set,
                    arrays.queries.segment(),
                    arrays.keys.segment(),
                    arrays.values.segment(),
                    arrays.scores.segment(),
                    arrays.softmax.segment(),
                    arrays.weighted.segment(),
                    tile.count,
                    tile.heads,
                    keyStride,
                    valueStride,
                    sumStride,
                    AttentionCall.TILE,
                    tile.first,
                    tile.from,
                    tile.to,
                    tile.position,
                    plan.window(),
                    plan.scale(),
                    plan.softCap());
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    /** Rounds queries [count, stride] for {@link #attendRounded}: {@link #roundedQueries} words. */
    void roundQueries(MemorySegment queries, int count, int stride, MemorySegment rounded) {
        try {
            Rounded.ROUND_QUERIES.invokeExact(set, queries, count, stride, rounded);
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    /** Words of rounded queries, of whole 64 elements, and a scale each. */
    static int roundedQueries(int count, int stride) {
        return count * (wholeStep(stride) / 2 + 1);
    }

    /**
     * Takes a tile of {@link AttentionCall#ROUNDED_TILE} places into the state of queries of {@link
     * #roundQueries}.
     *
     * @param rows where the head's keys and values are
     * @param part {@link #BEGINS} at the first tile of a segment, whose state starts anew; {@link
     *     #ENDS} at the last, whose state goes into the totals behind it
     */
    void attendRounded(Arrays arrays, Tile tile, StoredRows rows, AttentionPlan plan, int part) {
        try {
            Rounded.ATTEND.invokeExact(
                    set,
                    arrays.queries.segment(),
                    rows.keys,
                    rows.values,
                    arrays.softmax.segment(),
                    arrays.weighted.segment(),
                    arrays.scratch.segment(),
                    tile.count,
                    tile.heads,
                    rows.keyType.ggmlId(),
                    rows.valueType.ggmlId(),
                    plan.keyWidth(),
                    plan.valueWidth(),
                    AttentionCall.ROUNDED_TILE,
                    tile.first,
                    tile.from,
                    tile.to,
                    tile.position,
                    plan.window(),
                    part,
                    plan.scale(),
                    plan.softCap());
        } catch (Throwable e) {
            throw NativeKernels.failed(e);
        }
    }

    /** Floats of scratch memory that {@link #attendRounded} needs. */
    static int scratch(int keyStride, int sumStride) {
        int places = AttentionCall.ROUNDED_TILE;
        int keys = places * wholeStep(keyStride) / 2;
        int values = places * wholeStep(sumStride) / 2;
        int group = GROUP * (wholeStep(keyStride) / 2 + places / 2 + places);
        int loaded = ROWS * Math.max(keyStride, sumStride);
        return keys + values + group + BLOCK_SUMS + 2 * places + loaded + LINE;
    }

    private static int wholeStep(int elements) {
        return (elements + STEP - 1) / STEP * STEP;
    }
}
