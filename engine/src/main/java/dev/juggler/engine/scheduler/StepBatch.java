package dev.juggler.engine.scheduler;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.cache.PageTables;
import dev.juggler.engine.model.Batch;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The rows of one step, filled anew for each: {@link #clear}, {@link #add} for each sequence, then
 * {@link #write} to the workspace of the step. Everything is allocated once.
 */
public final class StepBatch implements Batch {
    private final int maxRows;
    private final KvCachePlan cache;
    private final MemorySegment ids;
    private final MemorySegment positions;
    private final MemorySegment outputRows;

    /** For each group of layers of the cache. */
    private final List<MemorySegment> slots = new ArrayList<>();

    private final List<BatchLayout> layouts = new ArrayList<>();
    private final int[] groups;
    private final BitSet generated = new BitSet();
    private int outputs;
    private @Nullable Tensors written;

    private record Tensors(Tensor ids, Tensor positions, Tensor outputRows, List<Tensor> slots) {}

    /**
     * @param maxRows rows that a step may have
     * @param maxSequences sequences that a step may have
     * @param cache the cache that the rows are stored in
     */
    public StepBatch(int maxRows, int maxSequences, KvCachePlan cache) {
        this.maxRows = maxRows;
        this.cache = cache;
        // Native memory, because a device may copy only from there; a few kB that live as long as
        // this.
        Arena arena = Arena.ofAuto();
        ids = arena.allocate(ValueLayout.JAVA_INT, maxRows);
        positions = arena.allocate(ValueLayout.JAVA_INT, maxRows);
        outputRows = arena.allocate(ValueLayout.JAVA_INT, maxRows);
        for (int group = 0; group < cache.groups().size(); group++) {
            slots.add(arena.allocate(ValueLayout.JAVA_INT, maxRows));
            layouts.add(new BatchLayout(maxSequences));
        }
        groups = IntStream.range(0, cache.layers().size()).map(cache::group).toArray();
    }

    /** Forgets all rows. */
    public void clear() {
        for (BatchLayout layout : layouts) {
            layout.clear();
        }
        outputs = 0;
        generated.clear();
        written = null;
    }

    /**
     * Appends rows of one sequence: {@code tokens[first .. first + count)}, at these positions.
     *
     * @param pages where the sequence is stored; must stay as it is until the step is over
     * @param outputs of how many of the last of these rows the logits are wanted
     * @param promptLength tokens from this place on were generated
     */
    public void add(
            int[] tokens, int first, int count, PageTables pages, int outputs, int promptLength) {
        int row = rows();
        if (count < 1 || count > maxRows - row || outputs < 0 || outputs > count) {
            throw new IllegalArgumentException(
                    "%d rows with %d outputs do not fit behind %d of %d rows"
                            .formatted(count, outputs, row, maxRows));
        }
        for (int i = 0; i < count; i++) {
            ids.setAtIndex(ValueLayout.JAVA_INT, row + i, tokens[first + i]);
            positions.setAtIndex(ValueLayout.JAVA_INT, row + i, first + i);
            generated.set(row + i, first + i >= promptLength);
            if (i >= count - outputs) {
                outputRows.setAtIndex(ValueLayout.JAVA_INT, this.outputs++, row + i);
            }
        }
        for (int group = 0; group < layouts.size(); group++) {
            addSlots(slots.get(group), row, first, count, pages.table(group));
            layouts.get(group).add(count, first + count, pages.table(group));
        }
        written = null;
    }

    private void addSlots(MemorySegment slots, int row, int first, int count, int[] table) {
        int pageSize = cache.pageSize();
        for (int i = 0; i < count; i++) {
            int position = first + i;
            int slot = table[position / pageSize] * pageSize + position % pageSize;
            slots.setAtIndex(ValueLayout.JAVA_INT, row + i, slot);
        }
    }

    /** Puts ids, positions, slots and output rows into tensors of the workspace. */
    public void write(Workspace workspace) {
        int rows = rows();
        Tensor idTensor = copy(ids, rows, workspace);
        Tensor positionTensor = copy(positions, rows, workspace);
        Tensor outputTensor = copy(outputRows, outputs, workspace);
        List<Tensor> slotTensors = new ArrayList<>(slots.size());
        for (MemorySegment group : slots) {
            slotTensors.add(copy(group, rows, workspace));
        }
        written = new Tensors(idTensor, positionTensor, outputTensor, slotTensors);
    }

    @Override
    public int rows() {
        return layouts.getFirst().rows();
    }

    @Override
    public int outputs() {
        return outputs;
    }

    @Override
    public boolean isGenerated(int row) {
        return generated.get(row);
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
        return written().slots.get(groups[layer]);
    }

    @Override
    public BatchLayout layout(int layer) {
        return layouts.get(groups[layer]);
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
