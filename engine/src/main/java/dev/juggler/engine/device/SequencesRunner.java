package dev.juggler.engine.device;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PagePools;
import dev.juggler.engine.cache.PageTables;
import dev.juggler.engine.cache.PagedKvCache;
import dev.juggler.engine.scheduler.StepBatch;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Workspace;

/**
 * Feeds several sequences through a model side by side, a token of each a step, as a server with
 * several users does: for measuring. Not for use by two threads at once.
 */
public final class SequencesRunner implements AutoCloseable {
    private final PlacedModel placed;
    private final PagedKvCache cache;
    private final Workspace workspace;
    private final StepBatch batch;
    private final PageTables[] pages;
    private final int[][] tokens;
    private int length;

    /**
     * Allocates the cache of all sequences and the workspace of a step.
     *
     * @param kvType how keys and values are stored
     * @param sequences how many
     * @param capacity most tokens of each
     * @throws dev.juggler.kernel.UnsupportedDTypeException if a device cannot store {@code kvType}
     * @throws dev.juggler.kernel.OutOfDeviceMemoryException if a device has not enough memory
     */
    public SequencesRunner(PlacedModel placed, DType kvType, int sequences, int capacity) {
        this.placed = placed;
        KvCachePlan plan =
                KvCachePlan.of(placed.model().kvLayers(), kvType, capacity, sequences, 1);
        cache = PagedKvCache.allocate(plan, placed::kvBackend);
        workspace = placed.allocateWorkspace(sequences, sequences);
        batch = new StepBatch(sequences, sequences, plan);
        PagePools pools = new PagePools(plan);
        pages = new PageTables[sequences];
        for (int i = 0; i < sequences; i++) {
            pages[i] = pools.take(capacity);
        }
        tokens = new int[sequences][capacity];
    }

    /** Begins new sequences. */
    public void clear() {
        length = 0;
    }

    /**
     * Appends a token to each sequence and computes the logits of all, which stay where they are.
     *
     * @param ids one for each sequence, each in the vocabulary
     * @throws IndexOutOfBoundsException if the sequences are as long as they may be
     */
    public void step(int[] ids) {
        long mark = workspace.mark();
        batch.clear();
        for (int i = 0; i < tokens.length; i++) {
            tokens[i][length] = ids[i];
            batch.add(tokens[i], length, 1, pages[i], 1, 0);
        }
        batch.write(workspace);
        placed.model().forward(batch, cache, workspace, placed.kernels());
        workspace.release(mark);
        length++;
    }

    @Override
    public void close() {
        cache.close();
    }
}
