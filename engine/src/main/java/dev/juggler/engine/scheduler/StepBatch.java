package dev.juggler.engine.scheduler;

import dev.juggler.engine.model.Batch;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.BufferWorkspace;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The rows of one step, filled anew for each: {@link #clear}, {@link #add} for each sequence, then
 * {@link #write} to the workspace of the step. Everything is allocated once.
 */
public final class StepBatch implements Batch {
    private final int maxRows;
    private final int pageSize;
    private final MemorySegment ids;
    private final MemorySegment positions;
    private final MemorySegment slots;
    private final MemorySegment outputRows;
    private final BatchLayout layout;
    private int outputs;
    private @Nullable Tensors written;

    private record Tensors(Tensor ids, Tensor positions, Tensor slots, Tensor outputRows) {}

    /**
     * @param maxRows rows that a step may have
     * @param maxSequences sequences that a step may have
     * @param pageSize positions of a page of the cache
     */
    public StepBatch(int maxRows, int maxSequences, int pageSize) {
        this.maxRows = maxRows;
        this.pageSize = pageSize;
        // Native memory, because a device may copy only from there; a few kB that live as long as
        // this.
        Arena arena = Arena.ofAuto();
        ids = arena.allocate(ValueLayout.JAVA_INT, maxRows);
        positions = arena.allocate(ValueLayout.JAVA_INT, maxRows);
        slots = arena.allocate(ValueLayout.JAVA_INT, maxRows);
        outputRows = arena.allocate(ValueLayout.JAVA_INT, maxRows);
        layout = new BatchLayout(maxSequences);
    }

    /** Forgets all rows. */
    public void clear() {
        layout.clear();
        outputs = 0;
        written = null;
    }

    /**
     * Appends rows of one sequence: {@code tokens[first .. first + count)}, at these positions.
     *
     * @param pages the sequence's page table, which must stay as it is until the step is over
     * @param outputs of how many of the last of these rows the logits are wanted
     */
    public void add(int[] tokens, int first, int count, int[] pages, int outputs) {
        int row = layout.rows();
        if (count < 1 || count > maxRows - row || outputs < 0 || outputs > count) {
            throw new IllegalArgumentException(
                    "%d rows with %d outputs do not fit behind %d of %d rows"
                            .formatted(count, outputs, row, maxRows));
        }
        layout.add(count, first + count, pages);
        for (int i = 0; i < count; i++, row++) {
            int position = first + i;
            int slot = pages[position / pageSize] * pageSize + position % pageSize;
            ids.setAtIndex(ValueLayout.JAVA_INT, row, tokens[position]);
            positions.setAtIndex(ValueLayout.JAVA_INT, row, position);
            slots.setAtIndex(ValueLayout.JAVA_INT, row, slot);
            if (i >= count - outputs) {
                outputRows.setAtIndex(ValueLayout.JAVA_INT, this.outputs++, row);
            }
        }
        written = null;
    }

    /** Puts ids, positions, slots and output rows into tensors of the workspace. */
    public void write(Workspace workspace) {
        written =
                new Tensors(
                        copy(ids, layout.rows(), workspace),
                        copy(positions, layout.rows(), workspace),
                        copy(slots, layout.rows(), workspace),
                        copy(outputRows, outputs, workspace));
    }

    /** Bytes that {@link #write} takes from a workspace, for a step of {@code rows} rows. */
    public static long workspaceBytes(int rows) {
        return 4 * BufferWorkspace.bytesFor(DType.I32, 1, rows);
    }

    @Override
    public int rows() {
        return layout.rows();
    }

    @Override
    public int outputs() {
        return outputs;
    }

    @Override
    public Tensor ids() {
        return written().ids;
    }

    @Override
    public Tensor positions() {
        return written().positions;
    }

    @Override
    public Tensor outputRows() {
        return written().outputRows;
    }

    @Override
    public Tensor slots(int layer) {
        return written().slots; // all layers share one page table
    }

    @Override
    public BatchLayout layout(int layer) {
        return layout;
    }

    private Tensors written() {
        if (written == null) {
            throw new IllegalStateException("the batch has not been written to a workspace");
        }
        return written;
    }

    private static Tensor copy(MemorySegment source, int count, Workspace workspace) {
        // A matrix has at least one column; where nothing is wanted the one column is not read.
        Tensor tensor = workspace.take(DType.I32, 1, Math.max(count, 1));
        tensor.buffer().write(tensor.offset(), source.asSlice(0, (long) count * Integer.BYTES));
        return tensor;
    }
}
