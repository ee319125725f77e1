package dev.juggler.engine.device;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PagePools;
import dev.juggler.engine.cache.PageTables;
import dev.juggler.engine.cache.PagedKvCache;
import dev.juggler.engine.scheduler.StepBatch;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Feeds one sequence through a model, a number of rows a step, with pages of its own: for comparing
 * logits with other engines, and for tests. Not for use by two threads at once.
 */
public final class SequenceRunner implements AutoCloseable {
    /** Receives logits. */
    @FunctionalInterface
    public interface Sink {
        /**
         * Takes the logits of one position.
         *
         * @param position of the token after which these logits stand
         * @param logits one for each token of the vocabulary; valid during the call
         */
        void accept(int position, float[] logits);
    }

    private final PlacedModel placed;
    private final Kernels kernels;
    private final PagedKvCache cache;
    private final Workspace workspace;
    private final StepBatch batch;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment row;
    private final float[] logits;
    private final PageTables pages;
    private final int[] tokens;
    private final int rowsPerStep;
    private final int outputsPerStep;
    private int length;

    /**
     * Allocates the cache and the workspace of a sequence.
     *
     * @param kvType how keys and values are stored
     * @param capacity most tokens of the sequence
     * @param rowsPerStep most tokens of a step
     * @throws dev.juggler.kernel.UnsupportedDTypeException if a device cannot store {@code kvType}
     * @throws dev.juggler.kernel.OutOfDeviceMemoryException if a device has not enough memory
     */
    public SequenceRunner(PlacedModel placed, DType kvType, int capacity, int rowsPerStep) {
        this(placed, kvType, capacity, rowsPerStep, rowsPerStep, placed.kernels());
    }

    /**
     * Allocates them likewise, with room for the logits of fewer tokens than a step has, which may
     * be hundreds of megabytes less; and computes with other kernels than the model's own.
     *
     * @param outputsPerStep most tokens of a step whose logits are wanted
     * @param kernels such as {@link PlacedModel#profiled}
     */
    @SuppressWarnings("MustBeClosedChecker") // close() closes the arena
    public SequenceRunner(
            PlacedModel placed,
            DType kvType,
            int capacity,
            int rowsPerStep,
            int outputsPerStep,
            Kernels kernels) {
        this.placed = placed;
        this.kernels = kernels;
        this.rowsPerStep = Math.min(rowsPerStep, capacity);
        this.outputsPerStep = Math.min(outputsPerStep, this.rowsPerStep);
        KvCachePlan plan =
                KvCachePlan.of(placed.model().kvLayers(), kvType, capacity, 1, this.rowsPerStep);
        cache = PagedKvCache.allocate(plan, placed::kvBackend);
        workspace = placed.allocateWorkspace(this.rowsPerStep, this.outputsPerStep);
        batch = new StepBatch(this.rowsPerStep, 1, plan);
        int vocabulary = placed.model().vocabularySize();
        logits = new float[vocabulary];
        row = arena.allocate(ValueLayout.JAVA_FLOAT, vocabulary);
        tokens = new int[capacity];
        pages = new PagePools(plan).take(capacity);
    }

    /** Tokens so far. */
    public int length() {
        return length;
    }

    /** Begins a new sequence. */
    public void clear() {
        length = 0;
    }

    /**
     * Appends tokens to the sequence.
     *
     * @param all whether to compute the logits of all these tokens or only of the last
     * @throws IllegalArgumentException if the sequence would be longer than its capacity, or an id
     *     is not in the vocabulary
     */
    public void run(int[] ids, boolean all, Sink sink) {
        if (ids.length > tokens.length - length) {
            throw new IllegalArgumentException(
                    "%d tokens do not fit behind %d of %d"
                            .formatted(ids.length, length, tokens.length));
        }
        for (int id : ids) {
            if (id < 0 || id >= logits.length) {
                throw new IllegalArgumentException(
                        "token %d is not in the vocabulary of %d".formatted(id, logits.length));
            }
        }
        System.arraycopy(ids, 0, tokens, length, ids.length);
        int end = length + ids.length;
        while (length < end) {
            int count = Math.min(all ? outputsPerStep : rowsPerStep, end - length);
            boolean last = length + count == end;
            step(count, all ? count : last ? 1 : 0, sink);
        }
    }

    private void step(int count, int outputs, Sink sink) {
        long mark = workspace.mark();
        batch.clear();
        // a step of one row is what follows a prompt
        int promptLength = count == 1 ? 0 : tokens.length;
        batch.add(tokens, length, count, pages, outputs, promptLength);
        batch.write(workspace);
        Tensor result = placed.model().forward(batch, cache, workspace, kernels);
        for (int i = 0; i < outputs; i++) {
            result.buffer().read(result.offset() + i * result.rowBytes(), row);
            MemorySegment.copy(row, ValueLayout.JAVA_FLOAT, 0, logits, 0, logits.length);
            sink.accept(length + count - outputs + i, logits);
        }
        workspace.release(mark);
        length += count;
    }

    @Override
    public void close() {
        arena.close();
        cache.close();
    }
}
