package dev.juggler.engine.nn;

import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Projection;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;

/**
 * Attention with grouped queries (arXiv:2305.13245): project, norm, rotate, store, attend, project.
 *
 * @param heads how queries, keys and values are made from a row
 * @param output [width, heads·valueWidth] and its bias; never normed
 */
public record GroupedAttention(ProjectionWeights heads, Projection output, AttentionPlan plan)
        implements AttentionBlock {

    @Override
    public KvLayerShape kvShape() {
        return new KvLayerShape(
                plan.kvHeads() * plan.keyWidth(),
                plan.kvHeads() * plan.valueWidth(),
                plan.window());
    }

    @Override
    public void forward(
            Tensor out,
            Tensor x,
            Batch batch,
            int layer,
            KvPages kv,
            Workspace workspace,
            Kernels kernels) {
        long mark = workspace.mark();
        Tensor q = workspace.take(x.rows(), plan.heads() * plan.keyWidth());
        kernels.project(q, x, heads, batch.positions(), kv, batch.slots(layer), workspace);
        Tensor attended = workspace.take(x.rows(), plan.heads() * plan.valueWidth());
        kernels.attention(attended, q, kv, plan, batch.layout(layer));
        kernels.matmul(out, attended, output.weight());
        if (output.bias() != null) {
            kernels.add(out, out, output.bias());
        }
        workspace.release(mark);
    }
}
