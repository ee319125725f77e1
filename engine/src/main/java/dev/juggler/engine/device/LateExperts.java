package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.engine.model.Batch;
import dev.juggler.kernel.Buffer;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Experts that come one layer later: of those in main memory that a generated token was sent to, a
 * layer leaves the ones with the least weight to the next layer, which adds their sum to that of
 * its own experts. The host computes them while devices that work by themselves are busy with the
 * next layer's attention. Expert deferral: KTransformers, SOSP 2025.
 *
 * <p>Which tokens of a step these are has no influence on the others, nor have the others on them.
 */
final class LateExperts {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
    private static final byte NOT_WANTED = -1;

    private final PlacedKernels kernels;
    private final LocalWeights locals;
    private final IdentityHashMap<Buffer, Integer> deferred;
    private final int most;

    /** Rows of the step that may be late, and which of its outputs each is. */
    private int[] rows = new int[0];

    private int[] outputs = new int[0];
    private int count;
    private int batchRows;
    private @Nullable Room room;

    /** Whose experts are late; null if none are. */
    private @Nullable ExpertWeights waiting;

    private boolean summed;

    /**
     * What is remembered of a layer, in a step's workspace.
     *
     * @param x [count, width]
     * @param ids I32 [count, most]
     * @param here I32 [count, most], of the experts of one device
     * @param shares [count, most]
     * @param sum [count, width]
     * @param partial [count, width]
     * @param rest what operations take more
     */
    private record Room(
            Tensor x,
            Tensor ids,
            Tensor here,
            Tensor shares,
            Tensor sum,
            Tensor partial,
            PlacedWorkspace rest) {}

    /**
     * @param deferred for stacks of gates how many of the chosen experts are late
     */
    LateExperts(
            PlacedKernels kernels, LocalWeights locals, IdentityHashMap<Buffer, Integer> deferred) {
        this.kernels = kernels;
        this.locals = locals;
        this.deferred = deferred;
        most = deferred.values().stream().mapToInt(Integer::intValue).max().orElse(0);
    }

    /** Most experts of a token that are late. */
    int most() {
        return most;
    }

    /** Takes from a workspace what a step takes in which {@code count} tokens are generated. */
    static void measure(Workspace workspace, int count, int most, int width) {
        take(workspace, count, most, width);
    }

    private static List<Tensor> take(Workspace workspace, int count, int most, int width) {
        return List.of(
                workspace.take(count, width),
                workspace.take(DType.I32, count, most),
                workspace.take(DType.I32, count, most),
                workspace.take(count, most),
                workspace.take(count, width),
                workspace.take(count, width));
    }

    /** A step begins; nothing is late. What it takes is released with the step. */
    void begin(Batch batch, Workspace workspace, int width) {
        waiting = null;
        summed = false;
        room = null;
        count = 0;
        batchRows = batch.rows();
        if (most == 0) {
            return;
        }
        if (rows.length < batch.rows()) {
            rows = new int[batch.rows()];
            outputs = new int[batch.rows()];
        }
        for (int row = 0; row < batch.rows(); row++) {
            if (batch.isGenerated(row)) {
                rows[count++] = row;
            }
        }
        if (count > 0) {
            findOutputs(batch);
            List<Tensor> taken = take(workspace, count, most, width);
            room =
                    new Room(
                            taken.get(0),
                            taken.get(1),
                            taken.get(2),
                            taken.get(3),
                            taken.get(4),
                            taken.get(5),
                            PlacedKernels.placed(workspace));
        }
    }

    private void findOutputs(Batch batch) {
        Tensor tensor = batch.outputRows();
        MemorySegment ids = host(tensor, false);
        Arrays.fill(outputs, 0, count, NOT_WANTED);
        int late = 0;
        for (int output = 0; output < batch.outputs(); output++) {
            int row = ids.getAtIndex(INT, output);
            while (late < count && rows[late] < row) {
                late++;
            }
            if (late < count && rows[late] == row) {
                outputs[late] = output;
            }
        }
    }

    /**
     * Leaves some of the choices of a layer to the next one.
     *
     * @param isOnHost whether an expert is computed in main memory
     * @return the ids without those; may be taken from the workspace
     */
    Tensor defer(
            ExpertWeights weights,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            Workspace workspace,
            IntPredicate isOnHost) {
        int each = deferred.getOrDefault(weights.gate().buffer(), 0);
        Room kept = room;
        if (each == 0 || kept == null) {
            return ids;
        }
        if (x.rows() != batchRows) {
            throw new IllegalStateException("the last layer leaves experts to a next one");
        }
        Tensor now = workspace.take(DType.I32, ids.rows(), ids.columns());
        MemorySegment left = host(now, true);
        MemorySegment shares = host(routeWeights, false);
        left.copyFrom(host(ids, false));
        MemorySegment lateIds = host(kept.ids, true).fill(NOT_WANTED);
        MemorySegment lateShares = host(kept.shares, true).fill((byte) 0);
        boolean any = false;
        for (int i = 0; i < count; i++) {
            for (int j = 0; j < each; j++) {
                long least = least(left, shares, rows[i], ids.columns(), isOnHost);
                if (least < 0) {
                    break;
                }
                long to = (long) i * most + j;
                lateIds.setAtIndex(INT, to, left.getAtIndex(INT, least));
                lateShares.setAtIndex(FLOAT, to, shares.getAtIndex(FLOAT, least));
                left.setAtIndex(INT, least, SplitStack.ELSEWHERE);
                any = true;
            }
        }
        if (any) {
            copyRows(x, kept.x);
            waiting = weights;
        }
        return now;
    }

    /** The choice in main memory with the least weight, of equal ones the last; -1 without one. */
    private static long least(
            MemorySegment ids, MemorySegment shares, int row, int used, IntPredicate isOnHost) {
        long least = -1;
        for (long choice = (long) row * used; choice < (row + 1L) * used; choice++) {
            int id = ids.getAtIndex(INT, choice);
            if (id >= 0
                    && isOnHost.test(id)
                    && (least < 0
                            || shares.getAtIndex(FLOAT, choice)
                                    <= shares.getAtIndex(FLOAT, least))) {
                least = choice;
            }
        }
        return least;
    }

    private void copyRows(Tensor x, Tensor kept) {
        MemorySegment from = host(x, false);
        MemorySegment to = host(kept, true);
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(from, rows[i] * x.rowBytes(), to, i * x.rowBytes(), x.rowBytes());
        }
    }

    private static MemorySegment host(Tensor tensor, boolean writing) {
        PlacedActivation activation = PlacedKernels.activation(tensor);
        MemorySegment all = writing ? activation.hostForWriting() : activation.hostForReading();
        return all.asSlice(tensor.offset(), tensor.byteSize());
    }

    /** Computes what a layer has left; other devices go on meanwhile. */
    void compute() {
        ExpertWeights weights = waiting;
        Room kept = room;
        if (weights == null || kept == null) {
            return;
        }
        waiting = null;
        if (weights.gate().buffer() instanceof SplitStack split) {
            for (int number = 0; number < split.parts().size(); number++) {
                SplitStack.Part part = split.parts().get(number);
                Device device = part.device();
                if (device.usesHostMemory() && translate(kept, part::localId)) {
                    add(kept, device, locals.experts(device, weights, number));
                }
            }
            return;
        }
        Device owner = LocalWeights.commonOwner(weights.gate(), weights.up(), weights.down());
        if (owner != null && translate(kept, id -> id)) {
            add(kept, owner, locals.experts(owner, weights, 0));
        }
    }

    /** Writes the ids that experts have on one device; false if none of them is there. */
    private static boolean translate(Room kept, IntUnaryOperator localId) {
        MemorySegment from = host(kept.ids, false);
        MemorySegment to = host(kept.here, true);
        boolean any = false;
        for (long i = 0; i < kept.ids.shape().elements(); i++) {
            int local = localId.applyAsInt(from.getAtIndex(INT, i));
            to.setAtIndex(INT, i, local);
            any |= local != SplitStack.ELSEWHERE;
        }
        return any;
    }

    private void add(Room kept, Device device, ExpertWeights local) {
        kernels.arrive(device);
        Tensor x = PlacedKernels.in(device, kept.x);
        Tensor choices = PlacedKernels.in(device, kept.here);
        Tensor shares = PlacedKernels.in(device, kept.shares);
        Tensor sum = PlacedKernels.out(device, summed ? kept.partial : kept.sum);
        device.kernels().experts(sum, x, choices, shares, local, kept.rest.on(device));
        if (summed) {
            kernels.add(kept.sum, kept.sum, kept.partial);
        }
        summed = true;
    }

    /**
     * Adds what has been computed to the sum of this layer's own experts.
     *
     * @param out [rows of the step, width], or of its outputs
     */
    void addTo(Tensor out, Workspace workspace) {
        Room kept = room;
        if (!summed || kept == null) {
            return;
        }
        summed = false;
        int[] places = out.rows() == batchRows ? rows : outputs;
        if (out.rows() == count && isInOrder(places)) {
            kernels.add(out, out, kept.sum);
            return;
        }
        long mark = workspace.mark();
        Tensor late = workspace.take(out.rows(), out.columns());
        MemorySegment to = host(late, true).fill((byte) 0);
        MemorySegment from = host(kept.sum, false);
        for (int i = 0; i < count; i++) {
            if (places[i] != NOT_WANTED) {
                long bytes = late.rowBytes();
                MemorySegment.copy(from, i * bytes, to, places[i] * bytes, bytes);
            }
        }
        kernels.add(out, out, late);
        workspace.release(mark);
    }

    private boolean isInOrder(int[] places) {
        for (int i = 0; i < count; i++) {
            if (places[i] != i) {
                return false;
            }
        }
        return true;
    }
}
