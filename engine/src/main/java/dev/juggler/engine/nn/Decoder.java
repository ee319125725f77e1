package dev.juggler.engine.nn;

import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvCache;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.engine.model.Model;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import java.util.List;

/**
 * A decoder whose layers norm what they read and add to it what they compute: {@code x += a(norm
 * x)}, {@code x += f(norm x)} (pre-norm transformer, Xiong et al. 2020, arXiv:2002.04745).
 *
 * @param embedding [vocabulary, width]
 * @param layers at least one
 * @param outputNorm F32 [1, width]
 * @param head [vocabulary, width]
 */
public record Decoder(
        Tensor embedding, List<DecoderLayer> layers, Tensor outputNorm, Tensor head, float epsilon)
        implements Model {
    public Decoder {
        layers = List.copyOf(layers);
    }

    @Override
    public int vocabularySize() {
        return head.rows();
    }

    @Override
    public int width() {
        return embedding.columns();
    }

    @Override
    public List<KvLayerShape> kvLayers() {
        return layers.stream().map(layer -> layer.attention().kvShape()).toList();
    }

    @Override
    public Tensor forward(Batch batch, KvCache cache, Workspace workspace, Kernels kernels) {
        Tensor logits = workspace.take(batch.outputs(), vocabularySize());
        long mark = workspace.mark();
        int width = width();
        Tensor x = workspace.take(batch.rows(), width);
        Tensor normed = workspace.take(batch.rows(), width);
        Tensor block = workspace.take(batch.rows(), width);
        kernels.embed(x, embedding, batch.ids());
        kernels.rmsNorm(normed, x, layers.getFirst().attentionNorm(), epsilon);
        for (int index = 0; index < layers.size(); index++) {
            DecoderLayer layer = layers.get(index);
            boolean last = index == layers.size() - 1;
            layer.attention()
                    .forward(block, normed, batch, index, cache.layer(index), workspace, kernels);
            if (last && batch.outputs() < batch.rows()) {
                // Nobody looks at the other rows any more: their keys and values are stored.
                if (batch.outputs() == 0) {
                    break;
                }
                x = pick(x, batch, workspace, kernels);
                block = pick(block, batch, workspace, kernels);
                normed = workspace.take(batch.outputs(), width);
            }
            kernels.addRmsNorm(normed, x, x, block, layer.feedForwardNorm(), epsilon);
            layer.feedForward().forward(block, normed, workspace, kernels);
            Tensor next = last ? outputNorm : layers.get(index + 1).attentionNorm();
            kernels.addRmsNorm(normed, x, x, block, next, epsilon);
        }
        if (batch.outputs() > 0) {
            kernels.matmul(logits, normed, head);
        }
        workspace.release(mark);
        return logits;
    }

    private static Tensor pick(Tensor x, Batch batch, Workspace workspace, Kernels kernels) {
        Tensor picked = workspace.take(batch.outputs(), x.columns());
        kernels.gatherRows(picked, x, batch.outputRows());
        return picked;
    }
}
