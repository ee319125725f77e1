package dev.juggler.kernel;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The operations that a backend offers. Eager calls on typed views with out-parameters; on an
 * asynchronous device they enqueue, in order.
 *
 * <p>The abstract methods are the contract, and {@link ReferenceKernels} is their definition. Fused
 * steps are default methods written in terms of the plain ones; a backend overrides those that it
 * does faster. An override takes at most as much from the workspace as the default does: workspaces
 * are sized by a dry run of the defaults. Unless a method says otherwise: activations are F32, ids,
 * positions and slots are I32, tensors do not overlap, and an out-parameter is overwritten wholly.
 *
 * <p>All methods throw {@link IllegalArgumentException} where shapes do not fit together, and
 * {@link UnsupportedDTypeException} for a type that {@link #weightTypes()} or {@link #kvTypes()}
 * does not list. Kernels are called by one thread at a time.
 */
public interface Kernels {
    /** Weight types that {@link #matmul}, {@link #matmulByExpert} and {@link #embed} take. */
    Set<DType> weightTypes();

    /** Types in which keys and values can be stored. */
    Set<DType> kvTypes();

    /**
     * Table look-up: {@code out[r] = table[ids[r]]}, converted to F32.
     *
     * @param out [rows, width]
     * @param table [vocabulary, width], any weight type
     * @param ids I32 [1, rows]
     */
    void embed(Tensor out, Tensor table, Tensor ids);

    /**
     * {@code out = x · weightᵀ}.
     *
     * @param out [rows, n]
     * @param x [rows, k]
     * @param weight [n, k], any weight type
     */
    void matmul(Tensor out, Tensor x, Tensor weight);

    /**
     * For each row r and each choice j: {@code out[r·used + j] = x[..] · stack[ids[r, j]]ᵀ}. Where
     * an id is negative the expert is not here, and the row of {@code out} is zero.
     *
     * @param out [rows·used, n]
     * @param x [rows, k], one row for all choices, or [rows·used, k], one row for each choice
     * @param stack [experts, n, k], any weight type
     * @param ids I32 [rows, used]
     */
    void matmulByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids);

    /**
     * Adds to each row of {@code x} the bias of its expert; rows with a negative id stay.
     *
     * @param x [rows·used, n], in place
     * @param biases F32 [experts, n]
     * @param ids I32 [rows, used]
     */
    void addByExpert(Tensor x, Tensor biases, Tensor ids);

    /**
     * Chooses experts from router logits as {@link Routing} says. Choices are in falling order of
     * score; equal scores: the lower id first.
     *
     * @param ids I32 [rows, used], written
     * @param weights [rows, used], written
     * @param logits [rows, experts]
     */
    void route(Tensor ids, Tensor weights, Tensor logits, Routing routing);

    /**
     * {@code out[r] = Σ_j weights[r, j] · y[r·used + j]} over the choices whose id is not negative.
     *
     * @param out [rows, width]
     * @param y [rows·used, width]
     * @param weights [rows, used]
     * @param ids I32 [rows, used]
     */
    void combineExperts(Tensor out, Tensor y, Tensor weights, Tensor ids);

    /**
     * Root mean square norm: {@code out = x / sqrt(mean(x²) + epsilon) · weight}, by row. {@code
     * out} may be {@code x}. Zhang and Sennrich 2019, arXiv:1910.07467.
     *
     * @param out [rows, width]
     * @param x [rows, width]
     * @param weight F32 [1, width]
     */
    void rmsNorm(Tensor out, Tensor x, Tensor weight, float epsilon);

    /**
     * Rotary position embedding in place. Su et al. 2021, arXiv:2104.09864.
     *
     * @param x [rows, heads·headWidth]
     * @param positions I32 [1, rows]
     */
    void rope(Tensor x, Tensor positions, RopePlan plan);

    /**
     * Stores keys and values of new rows in the cache of one layer, converted to its type.
     *
     * @param keys [rows, keyWidth]
     * @param values [rows, valueWidth], null where {@link KvPages#values()} is null
     * @param slots I32 [1, rows]: page · pageSize + place in the page
     */
    void appendKv(KvPages kv, Tensor keys, @Nullable Tensor values, Tensor slots);

    /**
     * Causal attention of the batch's rows over their sequences' cached keys and values, this
     * step's included: softmax(scale · q·k) · v for every head, with window, sinks and soft cap as
     * the plan says. Vaswani et al. 2017, arXiv:1706.03762; grouped queries: arXiv:2305.13245.
     *
     * @param out [rows, heads·valueWidth of a head]
     * @param q [rows, heads·keyWidth of a head]
     */
    void attention(Tensor out, Tensor q, KvPages kv, AttentionPlan plan, BatchLayout layout);

    /**
     * Gated activation: {@code out = act(gate) · up}, element by element. {@code out} may be {@code
     * gate} or {@code up}.
     *
     * @param out [rows, width]
     */
    void gate(Tensor out, Tensor gate, Tensor up, GatedActivation activation);

    /**
     * {@code out = a + b}; {@code b} may be a single row (a bias), which is added to every row.
     * {@code out} may be {@code a}.
     */
    void add(Tensor out, Tensor a, Tensor b);

    /**
     * {@code out[r] += sigmoid(scores[r]) · x[r]}: the gate of a shared expert.
     *
     * @param out [rows, width]
     * @param x [rows, width]
     * @param scores [rows, 1]
     */
    void addSigmoidScaled(Tensor out, Tensor x, Tensor scores);

    /**
     * {@code out[i] = x[ids[i]]}: picks rows.
     *
     * @param out [n, width]
     * @param x [rows, width]
     * @param ids I32 [1, n]
     */
    void gatherRows(Tensor out, Tensor x, Tensor ids);

    /**
     * Copies columns {@code [from, from + out.columns)} of every row of {@code x} to {@code out}.
     */
    void copyColumns(Tensor out, Tensor x, int from);

    // Operations of a few families. What they do is defined by ReferenceKernels too; the defaults
    // take the tensors through host memory, which is right anywhere and slow where it is a copy.

    /**
     * Copies columns {@code [from, from + columns)} of {@code x} to columns {@code [to, to +
     * columns)} of {@code out}; the other columns of {@code out} stay.
     *
     * @param out [n·rows, ..]; each row of {@code x} goes to n consecutive rows
     * @param x [rows, ..]
     */
    default void pasteColumns(Tensor out, int to, Tensor x, int from, int columns) {
        new HostDetour(this).pasteColumns(out, to, x, from, columns);
    }

    /**
     * A product with a matrix for each head, of which some rows take part: {@code out[r·heads + h]
     * = x[..] · stack[h, first .. first + n]ᵀ}.
     *
     * @param out [rows·heads, n]
     * @param x [rows, k], one row for all heads, or [rows·heads, k], one row for each head
     * @param stack [heads, m, k], any weight type
     */
    default void matmulByHead(Tensor out, Tensor x, Tensor stack, int first) {
        new HostDetour(this).matmulByHead(out, x, stack, first);
    }

    /**
     * A product with the transpose of what {@link #matmulByHead} multiplies with: {@code
     * out[r·heads + h] = x[..] · stack[h, first .. first + n]}.
     *
     * @param out [rows·heads, k]
     * @param x [rows, n], one row for all heads, or [rows·heads, n], one row for each head
     * @param stack [heads, m, k], any weight type
     */
    default void matmulByHeadTransposed(Tensor out, Tensor x, Tensor stack, int first) {
        new HostDetour(this).matmulByHeadTransposed(out, x, stack, first);
    }

    /**
     * What {@link #appendKv} has stored as keys: those of all positions of the layout's sequences,
     * one sequence after the other, converted to F32.
     *
     * @param out [layout.positions(), keyWidth]
     */
    default void readKeys(Tensor out, KvPages kv, BatchLayout layout) {
        new HostDetour(this).readKeys(out, kv, layout);
    }

    // Fused steps: defined by the plain operations above.

    /**
     * {@code sum = a + b} and {@code out = rmsNorm(sum)}: the seam between two blocks of a layer.
     */
    default void addRmsNorm(
            Tensor out, Tensor sum, Tensor a, Tensor b, Tensor weight, float epsilon) {
        add(sum, a, b);
        rmsNorm(out, sum, weight, epsilon);
    }

    /**
     * The way into attention: queries of rows are made, and their keys and values go into the
     * cache. Project, add biases, norm, rotate, store.
     *
     * @param q [rows, heads·keyWidth], written
     * @param x [rows, width]
     * @param positions I32 [1, rows] of the rows in their sequences
     * @param slots I32 [1, rows] as of {@link #appendKv}
     */
    default void project(
            Tensor q,
            Tensor x,
            ProjectionWeights weights,
            Tensor positions,
            KvPages kv,
            Tensor slots,
            Workspace workspace) {
        long mark = workspace.mark();
        Tensor k = workspace.take(x.rows(), weights.key().weight().rows());
        Tensor v = workspace.take(x.rows(), weights.value().weight().rows());
        project(q, x, weights.query(), weights.epsilon());
        project(k, x, weights.key(), weights.epsilon());
        project(v, x, weights.value(), weights.epsilon());
        if (weights.rope() != null) {
            rope(q, positions, weights.rope());
            rope(k, positions, weights.rope());
        }
        appendKv(kv, k, v, slots);
        workspace.release(mark);
    }

    private void project(Tensor out, Tensor x, Projection projection, float epsilon) {
        matmul(out, x, projection.weight());
        if (projection.bias() != null) {
            add(out, out, projection.bias());
        }
        Tensor norm = projection.norm();
        if (norm != null) {
            int width = norm.columns();
            int parts = out.columns() / width;
            Tensor heads = parts == 1 ? out : out.reshape(out.rows() * parts, width);
            rmsNorm(heads, heads, norm, epsilon);
        }
    }

    /**
     * Gated feed-forward: {@code out = (act(x·gateᵀ) · (x·upᵀ)) · downᵀ}. Shazeer 2020,
     * arXiv:2002.05202.
     *
     * @param out [rows, width]
     * @param x [rows, width]
     */
    default void feedForward(
            Tensor out, Tensor x, FeedForwardWeights weights, Workspace workspace) {
        long mark = workspace.mark();
        Tensor gate = workspace.take(x.rows(), weights.gate().rows());
        Tensor up = workspace.take(x.rows(), weights.up().rows());
        matmul(gate, x, weights.gate());
        matmul(up, x, weights.up());
        gate(gate, gate, up, weights.activation());
        matmul(out, gate, weights.down());
        workspace.release(mark);
    }

    /**
     * The chosen experts' feed-forward networks and their weighted sum, for choices already made.
     * Choices with a negative id add nothing.
     *
     * @param out [rows, width]
     * @param x [rows, width]
     * @param ids I32 [rows, used]
     * @param routeWeights [rows, used]
     */
    default void experts(
            Tensor out,
            Tensor x,
            Tensor ids,
            Tensor routeWeights,
            ExpertWeights weights,
            Workspace workspace) {
        long mark = workspace.mark();
        int choices = x.rows() * ids.columns();
        Tensor gate = workspace.take(choices, weights.gate().rows());
        Tensor up = workspace.take(choices, weights.up().rows());
        Tensor down = workspace.take(choices, out.columns());
        matmulByExpert(gate, x, weights.gate(), ids);
        matmulByExpert(up, x, weights.up(), ids);
        if (weights.gateBias() != null) {
            addByExpert(gate, weights.gateBias(), ids);
        }
        if (weights.upBias() != null) {
            addByExpert(up, weights.upBias(), ids);
        }
        gate(gate, gate, up, weights.activation());
        matmulByExpert(down, gate, weights.down(), ids);
        if (weights.downBias() != null) {
            addByExpert(down, weights.downBias(), ids);
        }
        combineExperts(out, down, routeWeights, ids);
        workspace.release(mark);
    }

    /**
     * The choice of experts alone: the router's product, its bias, {@link #route}.
     *
     * @param ids I32 [rows, used], written
     * @param routeWeights [rows, used], written
     * @param logits [rows, experts], written
     * @param x [rows, width]
     */
    default void chooseExperts(
            Tensor ids, Tensor routeWeights, Tensor logits, Tensor x, RouterWeights router) {
        matmul(logits, x, router.weight());
        if (router.bias() != null) {
            add(logits, logits, router.bias());
        }
        route(ids, routeWeights, logits, router.routing());
    }

    /**
     * A whole mixture-of-experts block: router, choice, experts, weighted sum. The place where
     * hybrid speed is made. Shazeer et al. 2017, arXiv:1701.06538.
     *
     * @param out [rows, width]
     * @param x [rows, width]
     */
    default void mixtureOfExperts(
            Tensor out,
            Tensor x,
            RouterWeights router,
            ExpertWeights weights,
            Workspace workspace) {
        long mark = workspace.mark();
        int used = router.routing().used();
        Tensor logits = workspace.take(x.rows(), router.weight().rows());
        Tensor ids = workspace.take(DType.I32, x.rows(), used);
        Tensor routeWeights = workspace.take(x.rows(), used);
        chooseExperts(ids, routeWeights, logits, x, router);
        experts(out, x, ids, routeWeights, weights, workspace);
        workspace.release(mark);
    }

    /**
     * A mixture of experts and, beside it, an expert that all rows are sent to: {@code out} as
     * {@link #mixtureOfExperts}, {@code shared} as {@link #feedForward}. Neither needs the other,
     * so what computes them may do so at the same time. DeepSeekMoE, Dai et al. 2024,
     * arXiv:2401.06066.
     *
     * @param out [rows, width]
     * @param shared [rows, width]
     * @param x [rows, width]
     */
    default void mixtureBesideShared(
            Tensor out,
            Tensor shared,
            Tensor x,
            FeedForwardWeights sharedWeights,
            RouterWeights router,
            ExpertWeights weights,
            Workspace workspace) {
        feedForward(shared, x, sharedWeights, workspace);
        mixtureOfExperts(out, x, router, weights, workspace);
    }
}
