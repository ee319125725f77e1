package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.BatchTables.Table;
import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Attention over paged keys and values. Where rounding is allowed, queries and what the cache holds
 * are rounded to F16 and go through tensor cores: by one kernel for generation and a few rows, by
 * another for prompts. Where activations stay F32, or the cache was asked for in F32, so do they.
 *
 * <p>With few rows the positions of a sequence are split over blocks, whose partial results are put
 * together afterwards (Dao et al. 2023, flash-decoding); how many parts there are depends on the
 * length rounded up to a power of two, so that launches stay the same for many tokens.
 */
final class AttentionCalls {
    private static final int BLOCK = 128;
    private static final int SPLIT_POSITIONS = 128;

    /** In F32: rows of a prompt's tile, queries of a block, elements of a value it computes. */
    private static final int FLOAT_ROWS = 8;

    private static final int FLOAT_QUERIES = 8;
    private static final int[] FLOAT_VALUES = {128, 256, 512};

    /** Prompts: queries of a block, and widest keys and values, smallest first. */
    private static final int MANY_QUERIES = 64;

    private static final int[][] MANY_WIDTHS = {{64, 64}, {128, 128}, {192, 128}};

    /** Few rows: queries of a block; more than fit into one are many. */
    private static final int FEW_QUERIES = 16;

    /** Few rows: widest keys and values, smallest first, and the shared memory of a block. */
    private static final int[][] FEW_WIDTHS = {
        {64, 64, 22528}, {128, 128, 40960}, {192, 128, 51200}, {256, 256, 77824}
    };

    /** The same where values are the first elements of keys. */
    private static final int[] LATENT_WIDTHS = {576, 512, 95232};

    private final Card card;
    private final LaunchQueue queue;
    private final BatchTables tables;
    private final Scratch partials;
    private final Kernel append;
    private final Kernel readKeys;
    private final Kernel combine;
    private final List<Choice> floats = new ArrayList<>();
    private final List<Choice> few = new ArrayList<>();
    private final List<Choice> many = new ArrayList<>();
    private final Choice latent;

    /**
     * A kernel.
     *
     * @param keys elements of a key, at most
     * @param values elements of a value, at most; of the kernels in F32, those that a block
     *     computes
     * @param queries of a block
     * @param sharedBytes that a launch has to ask for
     */
    private record Choice(Kernel kernel, int keys, int values, int queries, int sharedBytes) {}

    AttentionCalls(Card card) {
        this.card = card;
        queue = card.queue;
        tables = new BatchTables(card);
        partials = card.scratch();
        append = card.module.kernel("append_kv");
        readKeys = card.module.kernel("read_keys");
        combine = card.module.kernel("attend_combine");
        for (int width : FLOAT_VALUES) {
            Kernel kernel = card.module.kernel("attend_" + width);
            floats.add(new Choice(kernel, Integer.MAX_VALUE, width, FLOAT_QUERIES, 0));
        }
        for (int[] most : MANY_WIDTHS) {
            Kernel kernel = card.module.kernel("attend_many_" + most[0] + "_" + most[1]);
            many.add(new Choice(kernel, most[0], most[1], MANY_QUERIES, 0));
        }
        for (int[] most : FEW_WIDTHS) {
            few.add(few(most));
        }
        latent = few(LATENT_WIDTHS);
    }

    private Choice few(int[] most) {
        String name = "attend_few_" + most[0] + "_" + most[1];
        Kernel kernel = card.module.kernel(name, most[2]);
        return new Choice(kernel, most[0], most[1], FEW_QUERIES, most[2]);
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
        int group = plan.heads() / plan.kvHeads();
        boolean halves = !card.options.exact() && kv.precision() != DType.F32;
        if (halves && mostRows > 1 && mostRows * group >= FEW_QUERIES) {
            Choice choice = smallest(many, plan);
            if (choice != null) {
                attendMany(choice, out, q, kv, plan, layout);
                return;
            }
        }
        Choice choice = halves ? few(kv, plan) : null;
        if (choice != null) {
            int tileRows = mostRows > 1 ? Math.max(1, FEW_QUERIES / group) : 1;
            attendSplit(choice, tileRows, 1, out, q, kv, plan, layout);
        } else {
            choice = floats(plan);
            int tileRows = mostRows > 1 ? FLOAT_ROWS : 1;
            int parts = (int) Products.ceil(plan.valueWidth(), choice.values());
            attendSplit(choice, tileRows, parts, out, q, kv, plan, layout);
        }
    }

    /** The kernel for few rows, or null where there is none on this device. */
    private @Nullable Choice few(KvPages kv, AttentionPlan plan) {
        Choice choice = kv.values() == null ? latent : smallest(few, plan);
        boolean fits =
                choice != null
                        && plan.keyWidth() <= choice.keys()
                        && plan.valueWidth() <= choice.values()
                        && choice.sharedBytes() <= card.device.properties().sharedBytes();
        return fits ? choice : null;
    }

    private static @Nullable Choice smallest(List<Choice> choices, AttentionPlan plan) {
        for (Choice choice : choices) {
            if (plan.keyWidth() <= choice.keys() && plan.valueWidth() <= choice.values()) {
                return choice;
            }
        }
        return null;
    }

    /** The widest computes wider values in several blocks. */
    private Choice floats(AttentionPlan plan) {
        Choice choice = smallest(floats, plan);
        return choice == null ? floats.getLast() : choice;
    }

    /**
     * @param valueBlocks blocks that share the elements of a value
     */
    private void attendSplit(
            Choice choice,
            int tileRows,
            int valueBlocks,
            Tensor out,
            Tensor q,
            KvPages kv,
            AttentionPlan plan,
            BatchLayout layout) {
        Table table = tables.tiles(layout, kv, tileRows);
        long queries = (long) tileRows * plan.heads() / plan.kvHeads();
        long blocks = plan.kvHeads() * Products.ceil(queries, choice.queries()) * valueBlocks;
        int splits = splits(table, blocks * table.entries());
        long partial = 0;
        if (splits > 1) {
            long sums = (long) out.rows() * plan.heads() * splits * (plan.valueWidth() + 2L);
            partial = partials.of(sums * Float.BYTES);
        }
        queue.kernel(choice.kernel()).pointer(card.address(out)).pointer(partial);
        operands(q, kv, plan, table);
        queue.number(tileRows).number(table.entries());
        queue.launch(splits, blocks, table.entries(), BLOCK, choice.sharedBytes());
        if (splits > 1) {
            queue.kernel(combine)
                    .pointer(card.address(out))
                    .pointer(partial)
                    .number(out.rows())
                    .number(plan.heads())
                    .number(splits)
                    .number(plan.valueWidth())
                    .launch(plan.heads(), out.rows(), BLOCK);
        }
    }

    private void attendMany(
            Choice choice,
            Tensor out,
            Tensor q,
            KvPages kv,
            AttentionPlan plan,
            BatchLayout layout) {
        int group = plan.heads() / plan.kvHeads();
        int tileRows = Math.max(1, choice.queries() / group);
        Table table = tables.tiles(layout, kv, tileRows);
        long blocks = plan.kvHeads() * Products.ceil((long) tileRows * group, choice.queries());
        queue.kernel(choice.kernel()).pointer(card.address(out));
        operands(q, kv, plan, table);
        queue.number(tileRows).number(table.entries());
        queue.launch(1, blocks, table.entries(), BLOCK, choice.sharedBytes());
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
