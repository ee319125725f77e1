package dev.juggler.engine.device;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.ForwardingKernels;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Expert deferral as one would write it down, for steps of one row: each chosen expert is computed
 * by itself, and those with the least weight are added one layer later.
 */
final class LaterByTheBook extends ForwardingKernels {
    private final int layers;
    private final int late;
    private final IntPredicate isOnHost;
    private int layer;
    private float @Nullable [] left;

    /**
     * @param layers how many have experts
     * @param late how many experts come one layer later
     * @param isOnHost of which experts
     */
    LaterByTheBook(Kernels kernels, int layers, int late, IntPredicate isOnHost) {
        super(kernels);
        this.layers = layers;
        this.late = late;
        this.isOnHost = isOnHost;
    }

    private record Chosen(int place, int id, float share) {}

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        List<Chosen> later = new ArrayList<>();
        if (layer < layers - 1) {
            for (int place = 0; place < ids.columns(); place++) {
                int id = ids.host().getAtIndex(ValueLayout.JAVA_INT, place);
                if (isOnHost.test(id)) {
                    float share = routeWeights.host().getAtIndex(ValueLayout.JAVA_FLOAT, place);
                    later.add(new Chosen(place, id, share));
                }
            }
            later.sort(
                    Comparator.comparingDouble((Chosen c) -> c.share)
                            .thenComparing(
                                    Comparator.comparingInt((Chosen c) -> c.place).reversed()));
            later = later.subList(0, Math.min(late, later.size()));
        }
        float[] sum = new float[out.columns()];
        float[] next = new float[out.columns()];
        for (int place = 0; place < ids.columns(); place++) {
            int at = place;
            boolean waits = later.stream().anyMatch(c -> c.place == at);
            add(waits ? next : sum, one(x, ids, routeWeights, place, weights, workspace));
        }
        if (left != null) {
            add(sum, left);
        }
        left = next;
        layer = (layer + 1) % layers;
        if (layer == 0) {
            left = null;
        }
        out.buffer().write(out.offset(), MemorySegment.ofArray(sum));
    }

    private static void add(float[] sum, float[] more) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += more[i];
        }
    }

    private float[] one(
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            int place,
            ExpertWeights weights,
            Workspace workspace) {
        Tensor id = Tensor.of(DType.I32, 1, 1, HostBuffer.allocate(Integer.BYTES));
        Tensor share = Tensor.of(DType.F32, 1, 1, HostBuffer.allocate(Float.BYTES));
        Tensor out = Tensor.of(DType.F32, 1, x.columns(), HostBuffer.allocate(4L * x.columns()));
        id.buffer().write(0, ids.host().asSlice(4L * place, 4));
        share.buffer().write(0, routeWeights.host().asSlice(4L * place, 4));
        super.experts(out, x, id, share, weights, workspace);
        return out.host().toArray(ValueLayout.JAVA_FLOAT);
    }
}
