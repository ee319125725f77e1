package dev.juggler.engine.nn;

import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import org.jspecify.annotations.Nullable;

/**
 * Attention with grouped queries (arXiv:2305.13245): project, norm, rotate, store, attend, project.
 *
 * @param query how queries are made from a row
 * @param key how keys are made
 * @param value how values are made
 * @param output [width, heads·valueWidth] and its bias; never normed
 * @param epsilon of the norms of queries and keys
 * @param rope how queries and keys are rotated, or null where the layer has no positions
 */
public record GroupedAttention(
        Projection query,
        Projection key,
        Projection value,
        Projection output,
        float epsilon,
        @Nullable RopePlan rope,
        AttentionPlan plan)
        implements AttentionBlock {

    /**
     * A linear map and what follows it.
     *
     * @param weight [n, k]
     * @param bias F32 [1, n], or null
     * @param norm F32 [1, width of a head] for a norm of each head, [1, n] for one over the whole
     *     projection, or null
     */
    public record Projection(Tensor weight, @Nullable Tensor bias, @Nullable Tensor norm) {
        void apply(Tensor out, Tensor x, float epsilon, Kernels kernels) {
            kernels.matmul(out, x, weight);
            if (bias != null) {
                kernels.add(out, out, bias);
            }
            if (norm != null) {
                int width = norm.columns();
                int parts = out.columns() / width;
                Tensor heads = parts == 1 ? out : out.reshape(out.rows() * parts, width);
                kernels.rmsNorm(heads, heads, norm, epsilon);
            }
        }
    }

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
        Tensor k = workspace.take(x.rows(), plan.kvHeads() * plan.keyWidth());
        Tensor v = workspace.take(x.rows(), plan.kvHeads() * plan.valueWidth());
        query.apply(q, x, epsilon, kernels);
        key.apply(k, x, epsilon, kernels);
        value.apply(v, x, epsilon, kernels);
        if (rope != null) {
            kernels.rope(q, batch.positions(), rope);
            kernels.rope(k, batch.positions(), rope);
        }
        kernels.appendKv(kv, k, v, batch.slots(layer));
        Tensor attended = workspace.take(x.rows(), plan.heads() * plan.valueWidth());
        kernels.attention(attended, q, kv, plan, batch.layout(layer));
        output.apply(out, attended, epsilon, kernels);
        workspace.release(mark);
    }
}
