package dev.juggler.engine.placement;

import dev.juggler.engine.cache.KvCachePlan;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.DType;
import java.util.List;

/**
 * What a model will be asked to do, as far as memory and time depend on it.
 *
 * @param cache the cache of all sequences together
 * @param context most positions of a sequence
 * @param parallel sequences at once
 * @param step what one step of it is like
 */
public record Workload(KvCachePlan cache, int context, int parallel, StepShape step) {
    /**
     * What a step computes with.
     *
     * @param rows most rows of a step
     * @param width elements of an activation between layers
     * @param expertsUsed how many experts of a stack a token uses; 0 where there are none
     * @param bufferBytes bytes of activations in each memory that takes part
     */
    public record StepShape(int rows, int width, int expertsUsed, long bufferBytes) {}

    /**
     * The workload whose cache has room for {@code parallel} sequences of {@code context}, in steps
     * of any size.
     */
    public static Workload of(
            List<KvLayerShape> layers, DType cacheType, int context, int parallel, StepShape step) {
        return new Workload(
                KvCachePlan.of(layers, cacheType, context, parallel, context),
                context,
                parallel,
                step);
    }

    /** Bytes of a layer's cache that a token reads at the end of a full context. */
    long cacheBytesPerToken(int layer) {
        KvLayerShape shape = cache.layers().get(layer);
        long positions = shape.window() > 0 ? Math.min(shape.window(), context) : context;
        long values = shape.valueWidth() == 0 ? 0 : cache.dtype().bytes(shape.valueWidth());
        return positions * (cache.dtype().bytes(shape.keyWidth()) + values);
    }

    /** Bytes of an activation of this many rows. */
    long activationBytes(int rows) {
        return (long) Float.BYTES * rows * step.width();
    }
}
