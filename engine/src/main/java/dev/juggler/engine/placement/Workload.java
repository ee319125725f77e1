package dev.juggler.engine.placement;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.DType;
import java.util.List;
import java.util.Map;

/**
 * What a model will be asked to do, as far as memory and time depend on it.
 *
 * @param cache the cache of all sequences together
 * @param context most positions of a sequence
 * @param parallel sequences at once
 * @param expertsUsed how many experts of a stack a token uses; 0 where there are none
 * @param buffers bytes of activations on each device
 */
public record Workload(
        KvCachePlan cache, int context, int parallel, int expertsUsed, Map<String, Long> buffers) {
    public Workload {
        buffers = Map.copyOf(buffers);
    }

    /**
     * The workload whose cache has room for {@code parallel} sequences of {@code context}, in steps
     * of any size.
     */
    public static Workload of(
            List<KvLayerShape> layers,
            DType cacheType,
            int context,
            int parallel,
            int expertsUsed,
            Map<String, Long> buffers) {
        return new Workload(
                KvCachePlan.of(layers, cacheType, context, parallel, context),
                context,
                parallel,
                expertsUsed,
                buffers);
    }

    /** Bytes of a layer's cache that a token reads at the end of a full context. */
    long cacheBytesPerToken(int layer) {
        KvLayerShape shape = cache.layers().get(layer);
        long positions = shape.window() > 0 ? Math.min(shape.window(), context) : context;
        long values = shape.valueWidth() == 0 ? 0 : cache.dtype().bytes(shape.valueWidth());
        return positions * (cache.dtype().bytes(shape.keyWidth()) + values);
    }
}
