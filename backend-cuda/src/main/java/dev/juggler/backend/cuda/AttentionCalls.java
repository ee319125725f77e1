package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.BatchTables.Table;
import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Attention over paged keys and values. In decoding the positions of a sequence are split over
 * blocks, whose partial results are put together afterwards (Dao et al. 2023, flash-decoding); how
 * many parts there are depends on the length rounded up to a power of two, so that launches stay
 * the same for many tokens. Prompts go through tensor cores, which round queries and what the cache
 * holds to F16: not where activations stay F32, nor for a cache that was asked for in F32.
 */
final class AttentionCalls {
    private static final int PREFILL_TILE = 8;

    /**
     * Queries that a block on tensor cores answers; with fewer than a warp's it is not worth it.
     */
    private static final int MANY_QUERIES = 64;

    private static final int FEWEST_QUERIES = 16;

    /** Widest keys and values of the kernels on tensor cores, smallest first. */
    private static final int[][] MANY_WIDTHS = {{64, 64}, {128, 128}, {192, 128}};

    private static final int SPLIT_POSITIONS = 128;
    private static final int HEADS_OF_BLOCK = 8;
    private static final int[] WIDTHS = {128, 256, 512};

    private final Card card;
    private final LaunchQueue queue;
    private final BatchTables tables;
    private final Scratch partials;
    private final Kernel append;
    private final Kernel readKeys;
    private final Kernel combine;
    private final Kernel[] attend = new Kernel[WIDTHS.length];
    private final Kernel[] attendMany = new Kernel[MANY_WIDTHS.length];

    AttentionCalls(Card card) {
        this.card = card;
        queue = card.queue;
        tables = new BatchTables(card);
        partials = card.scratch();
        append = card.module.kernel("append_kv");
        readKeys = card.module.kernel("read_keys");
        combine = card.module.kernel("attend_combine");
        for (int i = 0; i < WIDTHS.length; i++) {
            attend[i] = card.module.kernel("attend_" + WIDTHS[i]);
        }
        for (int i = 0; i < MANY_WIDTHS.length; i++) {
            int[] most = MANY_WIDTHS[i];
            attendMany[i] = card.module.kernel("attend_many_" + most[0] + "_" + most[1]);
        }
    }

    void append(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots) {
        append(kv.keys(), keys, slots);
        Tensor stored = kv.values();
        if (stored != null && values != null) {
            append(stored, values, slots);
        }
    }

    private void append(Tensor cache, Tensor x, Tensor slots) {
        if (x.rows() > 0) {
            queue.kernel(append)
                    .pointer(card.address(cache))
                    .pointer(card.address(x))
                    .pointer(card.address(slots))
                    .number(x.rows())
                    .number(x.columns())
                    .wide((long) cache.count() * cache.rows())
                    .number(cache.dtype().ggmlId())
                    .launch(Products.ceil(x.columns(), 256), x.rows(), 256);
        }
    }

    void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        if (out.rows() == 0) {
            return;
        }
        Table table = tables.starts(layout, kv);
        queue.kernel(readKeys)
                .pointer(card.address(out))
                .pointer(card.address(kv.keys()))
                .pointer(table.pages())
                .pointer(table.first())
                .number(layout.sequences())
                .number(kv.pageSize())
                .number(out.columns())
                .wide(out.rows())
                .number(kv.keys().dtype().ggmlId())
                .launch(Products.ceil(out.columns(), 256), out.rows(), 256);
    }

    void attention(Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        if (layout.rows() == 0) {
            return;
        }
        int mostRows = 1;
        for (int s = 0; s < layout.sequences(); s++) {
            mostRows = Math.max(mostRows, layout.rowCount(s));
        }
        Kernel many = many(kv, plan, mostRows);
        if (many != null) {
            attendMany(many, out, q, kv, plan, layout);
            return;
        }
        int tileRows = mostRows > 1 ? PREFILL_TILE : 1;
        Table table = tables.tiles(layout, kv, tileRows);
        int width = 0;
        while (WIDTHS[width] < plan.valueWidth() && width < WIDTHS.length - 1) {
            width++;
        }
        int group = plan.heads() / plan.kvHeads();
        long blocks =
                plan.kvHeads()
                        * Products.ceil((long) tileRows * group, HEADS_OF_BLOCK)
                        * Products.ceil(plan.valueWidth(), WIDTHS[width]);
        int splits = tileRows > 1 ? 1 : splits(table, blocks * table.entries());
        long partial = 0;
        if (splits > 1) {
            long floats = (long) out.rows() * plan.heads() * splits * (plan.valueWidth() + 2L);
            partial = partials.of(floats * Float.BYTES);
        }
        enqueue(attend[width], out, partial, q, kv, plan, table);
        queue.number(tileRows).number(table.entries());
        queue.launch(splits, blocks, table.entries(), 128, 0);
        if (splits > 1) {
            queue.kernel(combine)
                    .pointer(card.address(out))
                    .pointer(partial)
                    .number(out.rows())
                    .number(plan.heads())
                    .number(splits)
                    .number(plan.valueWidth())
                    .launch(plan.heads(), out.rows(), 128);
        }
    }

    /** The kernel on tensor cores for this, or null where there is none. */
    private @Nullable Kernel many(KvPages kv, AttentionPlan plan, int mostRows) {
        Tensor values = kv.values();
        boolean isFloat =
                kv.keys().dtype() == DType.F32 || (values != null && values.dtype() == DType.F32);
        int queries = mostRows * (plan.heads() / plan.kvHeads());
        if (card.options.exact() || isFloat || mostRows == 1 || queries < FEWEST_QUERIES) {
            return null;
        }
        for (int i = 0; i < MANY_WIDTHS.length; i++) {
            if (plan.keyWidth() <= MANY_WIDTHS[i][0] && plan.valueWidth() <= MANY_WIDTHS[i][1]) {
                return attendMany[i];
            }
        }
        return null;
    }

    private void attendMany(
            Kernel kernel,
            Tensor out,
            Tensor q,
            KvPages kv,
            AttentionPlan plan,
            BatchLayout layout) {
        int group = plan.heads() / plan.kvHeads();
        int tileRows = Math.max(1, MANY_QUERIES / group);
        Table table = tables.tiles(layout, kv, tileRows);
        long blocks = plan.kvHeads() * Products.ceil((long) tileRows * group, MANY_QUERIES);
        queue.kernel(kernel).pointer(card.address(out));
        operands(q, kv, plan, table);
        queue.number(tileRows).number(table.entries());
        queue.launch(1, blocks, table.entries(), 128, 0);
    }

    private void enqueue(
            Kernel kernel,
            Tensor out,
            long partial,
            Tensor q,
            KvPages kv,
            AttentionPlan plan,
            Table table) {
        queue.kernel(kernel).pointer(card.address(out)).pointer(partial);
        operands(q, kv, plan, table);
    }

    private void operands(Tensor q, KvPages kv, AttentionPlan plan, Table table) {
        Tensor values = kv.values();
        queue.pointer(card.address(q))
                .pointer(card.address(kv.keys()))
                .pointer(card.addressOrNull(values))
                .pointer(card.addressOrNull(plan.sinks()))
                .pointer(table.first())
                .pointer(table.pages())
                .number(kv.keys().dtype().ggmlId())
                .number((values == null ? kv.keys() : values).dtype().ggmlId())
                .number(plan.heads())
                .number(plan.kvHeads())
                .number(plan.keyWidth())
                .number(plan.valueWidth())
                .number(kv.pageSize())
                .number(plan.window())
                .real(plan.scale())
                .real(plan.softCap());
    }

    /** Enough parts to keep all multiprocessors busy, none of them short. */
    private int splits(Table table, long blocks) {
        long rounded = Math.max(1, Long.highestOneBit(2L * table.longest() - 1));
        long wanted = Products.ceil(rounded, SPLIT_POSITIONS);
        long most = Products.ceil(4L * card.device.properties().multiprocessors(), blocks);
        return (int) Math.clamp(wanted, 1, Math.max(1, most));
    }
}
