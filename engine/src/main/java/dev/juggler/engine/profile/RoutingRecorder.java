package dev.juggler.engine.profile;

import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.ForwardingKernels;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.IdentityHashMap;
import java.util.List;

/** Kernels that tell which experts rows are sent to. */
public final class RoutingRecorder extends ForwardingKernels {
    /** Hears of choices. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Rows were sent to experts of a layer.
         *
         * @param layer the layer, from 0
         * @param experts how many experts it has
         * @param rows how many rows
         * @param chosen ids of the experts, row after row; negative ones are no choice
         */
        void chosen(int layer, int experts, int rows, int[] chosen);
    }

    private final List<Integer> moeLayers;
    private final Listener listener;
    private final IdentityHashMap<ExpertWeights, Integer> layers = new IdentityHashMap<>();

    /**
     * @param moeLayers numbers of the layers with experts, in the order in which they are computed
     * @param listener told before the experts of a layer are computed
     */
    public RoutingRecorder(Kernels kernels, List<Integer> moeLayers, Listener listener) {
        super(kernels);
        this.moeLayers = List.copyOf(moeLayers);
        this.listener = listener;
    }

    @Override
    public void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        int layer = layers.computeIfAbsent(weights, w -> moeLayers.get(layers.size()));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment chosen = arena.allocate(ids.byteSize(), Integer.BYTES);
            ids.buffer().read(ids.offset(), chosen);
            int[] experts = chosen.toArray(ValueLayout.JAVA_INT);
            listener.chosen(layer, weights.gate().count(), ids.rows(), experts);
        }
        super.experts(out, x, ids, routeWeights, weights, workspace);
    }
}
