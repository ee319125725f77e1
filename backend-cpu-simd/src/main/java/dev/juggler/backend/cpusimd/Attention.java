package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;

/**
 * Attention over a paged cache with a running softmax: positions are taken a tile at a time, so
 * memory does not grow with the square of the length (Milakov and Gimelshein 2018,
 * arXiv:1805.02867; Dao et al. 2022, arXiv:2205.14135).
 *
 * <p>A task is a few rows of a sequence and the query heads of one key-value head, so that a stored
 * key is read once for all of them. Tiles and segments (runs of tiles) lie at fixed positions of
 * the sequence, and a row's sums over tiles, then over segments, are taken in order: the result of
 * a row does not depend on the rows and heads that share its task, and segments may be computed by
 * different workers where a long sequence has few heads.
 */
final class Attention implements WorkerTask {
    /**
     * Queries (rows times heads) of a task: many, since each decodes keys and values for itself.
     */
    private static final int MOST_QUERIES = 512;

    /** Fewer are not worth a task, where there are more. */
    private static final int LEAST_QUERIES = 64;

    /** Tasks for each worker, so that all end at about the same time. */
    private static final int TASKS_PER_WORKER = 8;

    private static final int ALL_SEGMENTS = -1;
    private static final long LEAST_WORK = 1 << 15;
    private static final int TASK_FIELDS = 6;

    private final KernelContext context;
    private final AttentionTile[] tiles;
    private final Merging merging;

    /** Sequence, first row of it, rows, first head, heads, segment; for each task. */
    private int[] tasks = new int[0];

    private int taskCount;
    private int mostQueries = MOST_QUERIES;
    private AttentionCall call;

    Attention(KernelContext context) {
        this.context = context;
        call = new AttentionCall();
        tiles = new AttentionTile[context.pool().size()];
        for (int i = 0; i < tiles.length; i++) {
            tiles[i] = new AttentionTile(context, context.scratch(i));
        }
        merging = new Merging(context);
    }

    /** See {@link dev.juggler.kernel.Kernels#attention}. */
    void run(Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout) {
        call.set(out, q, kv, plan, layout);
        mostQueries = MOST_QUERIES;
        int heads = headsOfTask(plan, layout);
        while (mostQueries > LEAST_QUERIES
                && tasksWith(heads, plan, layout)
                        < (long) TASKS_PER_WORKER * context.pool().size()) {
            mostQueries /= 2;
            heads = headsOfTask(plan, layout);
        }
        boolean split = isSplit(heads);
        plan(heads, split);
        if (split) {
            call.makeRoomForPartials();
        }
        if (work(plan, layout) < LEAST_WORK) {
            for (int i = 0; i < taskCount; i++) {
                run(i, 0);
            }
        } else {
            context.pool().run(this, taskCount);
        }
        if (split) {
            merging.runRows(layout.rows(), (long) plan.heads() * plan.valueWidth() * 4);
        }
    }

    @Override
    public void run(int index, int worker) {
        int at = index * TASK_FIELDS;
        AttentionTile tile = tiles[worker];
        tile.start(call, tasks[at], tasks[at + 1], tasks[at + 2], tasks[at + 3], tasks[at + 4]);
        int segment = tasks[at + 5];
        if (segment == ALL_SEGMENTS) {
            tile.computeAll();
        } else {
            tile.computePart(segment);
        }
    }

    private static long work(AttentionPlan plan, BatchLayout layout) {
        long work = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            work += (long) layout.rowCount(s) * layout.length(s);
        }
        return work * plan.heads() * (plan.keyWidth() + plan.valueWidth());
    }

    /** All heads of a group where that makes tasks enough for all workers, else a part of them. */
    private int headsOfTask(AttentionPlan plan, BatchLayout layout) {
        int heads = Math.min(mostQueries, plan.heads() / plan.kvHeads());
        while (heads > 8 && tasksWith(heads, plan, layout) < context.pool().size()) {
            heads = (heads + 1) / 2;
        }
        return heads;
    }

    private long tasksWith(int heads, AttentionPlan plan, BatchLayout layout) {
        int group = plan.heads() / plan.kvHeads();
        long tasks = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            tasks += (layout.rowCount(s) + rowsOfTask(heads) - 1) / rowsOfTask(heads);
        }
        return tasks * plan.kvHeads() * ((group + heads - 1) / heads);
    }

    private int rowsOfTask(int heads) {
        return Math.max(1, mostQueries / heads);
    }

    /** Segments become tasks where there would be too few to keep all workers at it to the end. */
    private boolean isSplit(int heads) {
        return context.pool().size() > 1
                && tasksWith(heads, call.plan(), call.layout()) < 2L * context.pool().size()
                && call.mostSegments() > 1;
    }

    private void plan(int heads, boolean split) {
        taskCount = 0;
        BatchLayout layout = call.layout();
        int rows = rowsOfTask(heads);
        int group = call.plan().heads() / call.plan().kvHeads();
        for (int s = 0; s < layout.sequences(); s++) {
            for (int row = 0; row < layout.rowCount(s); row += rows) {
                int rowCount = Math.min(rows, layout.rowCount(s) - row);
                for (int kvHead = 0; kvHead < call.plan().kvHeads(); kvHead++) {
                    for (int head = 0; head < group; head += heads) {
                        int headCount = Math.min(heads, group - head);
                        addTasks(s, row, rowCount, kvHead * group + head, headCount, split);
                    }
                }
            }
        }
    }

    private void addTasks(int s, int row, int rows, int head, int heads, boolean split) {
        if (!split) {
            addTask(s, row, rows, head, heads, ALL_SEGMENTS);
            return;
        }
        int last = call.segmentOf(call.position(s, row + rows - 1));
        for (int i = call.segmentOf(call.firstVisible(call.position(s, row))); i <= last; i++) {
            addTask(s, row, rows, head, heads, i);
        }
    }

    private void addTask(int s, int row, int rows, int head, int heads, int segment) {
        int at = taskCount++ * TASK_FIELDS;
        if (tasks.length < at + TASK_FIELDS) {
            tasks = java.util.Arrays.copyOf(tasks, Math.max(64 * TASK_FIELDS, 2 * tasks.length));
        }
        tasks[at] = s;
        tasks[at + 1] = row;
        tasks[at + 2] = rows;
        tasks[at + 3] = head;
        tasks[at + 4] = heads;
        tasks[at + 5] = segment;
    }

    /** Puts the segments of each row together and writes the result. */
    private final class Merging extends RowTask {
        Merging(KernelContext context) {
            super(context);
        }

        @Override
        void row(int row, int worker) {
            tiles[worker].mergeRow(call, row);
        }
    }
}
