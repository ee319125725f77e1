package dev.juggler.engine.scheduler;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.model.Batch;
import dev.juggler.kernel.Workspace;

/**
 * What one forward pass computes: some rows of each of some sequences. Reused for every step; it is
 * the engine thread's until it has been committed or has failed.
 */
public final class Step {
    private final StepBatch batch;
    private final Sequence[] sequences;
    private final int[] rows;
    private int size;

    Step(int maxRows, int maxSequences, KvCachePlan cache) {
        batch = new StepBatch(maxRows, maxSequences, cache);
        sequences = new Sequence[maxSequences];
        rows = new int[maxSequences];
    }

    /** The rows, as tensors in this workspace. */
    public Batch batch(Workspace workspace) {
        batch.write(workspace);
        return batch;
    }

    /** Sequences that take part. */
    public int size() {
        return size;
    }

    /** One that takes part. */
    public Sequence sequence(int index) {
        return sequences[index];
    }

    /** Its rows in this step. */
    public int rows(int index) {
        return rows[index];
    }

    /** Rows of all sequences together. */
    public int rows() {
        return batch.rows();
    }

    /** Whether its next token is chosen from this step's logits; rows of logits are in order. */
    public boolean hasOutput(int index) {
        return sequences[index].computed() + rows[index] == sequences[index].length();
    }

    void clear() {
        batch.clear();
        size = 0;
    }

    void add(Sequence sequence, int count) {
        sequences[size] = sequence;
        rows[size] = count;
        int output = hasOutput(size) ? 1 : 0;
        batch.add(
                sequence.tokens(),
                sequence.computed(),
                count,
                sequence.pages(),
                output,
                sequence.promptLength());
        size++;
    }
}
