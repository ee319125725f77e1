package dev.juggler.engine.nn;

import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;

/** The half of a layer that looks at other positions. */
public interface AttentionBlock {
    /** What it stores for a position. */
    KvLayerShape kvShape();

    /**
     * Stores keys and values of the batch's rows and attends to the cache.
     *
     * @param out [rows, width]
     * @param x [rows, width], normed
     * @param layer the layer's index, under which the batch knows its slots and pages
     */
    void forward(
            Tensor out,
            Tensor x,
            Batch batch,
            int layer,
            KvPages kv,
            Workspace workspace,
            Kernels kernels);
}
