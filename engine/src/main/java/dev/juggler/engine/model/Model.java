package dev.juggler.engine.model;

import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.List;

/** A model: immutable weights and how to run them. The state of a step is in its arguments. */
public interface Model {
    /** Number of tokens in the vocabulary: the width of a row of logits. */
    int vocabularySize();

    /** Elements of an activation between layers. */
    int width();

    /** What each layer stores for a position, in the order of the layers. */
    List<KvLayerShape> kvLayers();

    /**
     * One step: computes all rows of the batch, appends their keys and values to the cache.
     *
     * @return logits, F32 [batch.outputs(), vocabularySize()], in the workspace; valid until it is
     *     released
     */
    Tensor forward(Batch batch, KvCache cache, Workspace workspace, Kernels kernels);
}
