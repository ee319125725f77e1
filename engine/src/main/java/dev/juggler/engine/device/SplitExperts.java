package dev.juggler.engine.device;

import dev.juggler.engine.device.DeviceTable.Device;
import dev.juggler.engine.device.StreamedLayer.Chunk;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntUnaryOperator;

/**
 * One computation of experts that are spread over devices: each device computes the sum over the
 * experts it has, and the sums are added. In a step of many rows those in main memory may come to a
 * device.
 */
final class SplitExperts {
    private final PlacedKernels kernels;
    private final LocalWeights locals;
    private final Tensor out;
    private final Tensor x;
    private final Tensor ids;
    private final Tensor routeWeights;
    private final Tensor here;
    private final Tensor partial;
    private final Workspace workspace;

    /** Ids without those that are left to the next layer. */
    private Tensor now;

    private boolean written;

    SplitExperts(
            PlacedKernels kernels,
            LocalWeights locals,
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            Workspace workspace) {
        this.kernels = kernels;
        this.locals = locals;
        this.out = out;
        this.x = x;
        this.ids = ids;
        this.routeWeights = routeWeights;
        this.workspace = workspace;
        now = ids;
        here = workspace.take(DType.I32, ids.rows(), ids.columns());
        partial = workspace.take(out.rows(), out.columns());
    }

    void compute(ExpertWeights weights, SplitStack split) {
        LiveLayer live = split.live();
        if (live != null) {
            beginStep(live);
        }
        now = kernels.late().defer(weights, x, ids, routeWeights, workspace, split::isOnHost);
        StreamedLayer stream = split.streamed();
        boolean streaming = stream != null && stream.isFor(x);
        int parts = split.parts().size();
        for (int number = 0; number < parts; number++) {
            SplitStack.Part part = split.parts().get(number);
            if (streaming && part.device().usesHostMemory()) {
                continue; // its experts come over
            }
            boolean lastChance = !written && !streaming && number == parts - 1;
            if (writeLocalIds(part::localId) || lastChance) {
                ExpertWeights local = locals.experts(part.device(), weights, number);
                add(kernels.arrive(part.device()), local);
            }
        }
        if (stream != null && streaming) {
            stream(weights, split, stream);
        }
        if (live != null) {
            live.endStep();
        }
    }

    /** The upload of a chunk begins before the device is told to compute with the one before it. */
    private void stream(ExpertWeights weights, SplitStack split, StreamedLayer stream) {
        for (int number = 0; number < stream.chunks().size(); number++) {
            Chunk chunk = stream.chunks().get(number);
            boolean lastChance = !written && number == stream.chunks().size() - 1;
            StreamBuffers.Half half = stream.buffers().bring(chunk);
            half.join();
            Chunk next = stream.behind(number);
            if (next != Chunk.NONE) {
                stream.buffers().bring(next);
            }
            boolean any =
                    writeLocalIds(
                            id -> split.isOnHost(id) ? chunk.localId(id) : SplitStack.ELSEWHERE);
            if (any || lastChance) {
                add(stream.buffers().device(), locals.streamed(weights, half.index()));
            }
        }
    }

    /** Adds the sum over the experts of {@link #here}. */
    private void add(Device device, ExpertWeights local) {
        Tensor source = PlacedKernels.in(device, x);
        Tensor choices = PlacedKernels.in(device, here);
        Tensor shares = PlacedKernels.in(device, routeWeights);
        Tensor sum = PlacedKernels.out(device, written ? partial : out);
        Workspace rest = PlacedKernels.placed(workspace).on(device);
        device.kernels().experts(sum, source, choices, shares, local, rest);
        if (written) {
            kernels.add(out, out, partial);
        }
        written = true;
    }

    private void beginStep(LiveLayer live) {
        live.beginStep();
        MemorySegment chosen = PlacedKernels.activation(ids).hostForReading();
        for (long i = 0; i < ids.byteSize(); i += Integer.BYTES) {
            live.used(chosen.get(ValueLayout.JAVA_INT, ids.offset() + i));
        }
    }

    /** Translates ids to those of some of the experts; false if none of these is chosen. */
    private boolean writeLocalIds(IntUnaryOperator localId) {
        MemorySegment from = PlacedKernels.activation(now).hostForReading();
        MemorySegment to = PlacedKernels.activation(here).hostForWriting();
        long first = now.offset();
        boolean any = false;
        for (long i = 0; i < now.byteSize(); i += Integer.BYTES) {
            int local = localId.applyAsInt(from.get(ValueLayout.JAVA_INT, first + i));
            to.set(ValueLayout.JAVA_INT, i, local);
            any |= local != SplitStack.ELSEWHERE;
        }
        return any;
    }
}
