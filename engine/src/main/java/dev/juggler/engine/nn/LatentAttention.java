package dev.juggler.engine.nn;

import dev.juggler.engine.model.Batch;
import dev.juggler.engine.model.KvLayerShape;
import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import org.jspecify.annotations.Nullable;

/**
 * Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, section 2.1): keys and values of all
 * heads are maps of one short vector, and that vector is all that is stored, with a rotated part
 * that all heads share.
 *
 * <p>A score q·(Wc) is the same as (Wᵀq)·c. So there are two forms that compute the same: the plain
 * one makes keys and values of all heads from the stored rows; the absorbed one takes each query
 * through the transposed map, attends to the stored rows themselves, and takes what it finds
 * through the map of the values. The rows of a sequence take the cheaper one: absorbed where few
 * look at many positions, as in generation, plain where many look at each other, as in prompts. The
 * last bits of a result so depend on how a prompt was cut into steps.
 *
 * @param queries how queries are made from a row
 * @param latents how latent vectors are made
 * @param keys from a latent vector to the unrotated part of each head's key
 * @param values from a latent vector to each head's value
 * @param output [width, heads·valueWidth]
 */
public record LatentAttention(
        Queries queries,
        Latents latents,
        HeadMap keys,
        HeadMap values,
        Tensor output,
        LatentShape shape,
        float epsilon)
        implements AttentionBlock {

    /**
     * How queries are made.
     *
     * @param down [short, width] for queries that go through a short vector, or null
     * @param norm F32 [1, short] of that vector, or null
     * @param up [heads·keyWidth, short or width]
     * @param rope of the last elements of each head
     */
    public record Queries(@Nullable Tensor down, @Nullable Tensor norm, Tensor up, RopePlan rope) {}

    /**
     * How what is stored is made.
     *
     * @param weight [latent + rotated, width]
     * @param norm F32 [1, latent] of the latent vector
     * @param rope of the elements behind the latent vector
     */
    public record Latents(Tensor weight, Tensor norm, RopePlan rope) {}

    /** The two ways of computing the same. */
    enum Form {
        PLAIN,
        ABSORBED
    }

    @Override
    public KvLayerShape kvShape() {
        return new KvLayerShape(shape.stored(), 0, 0);
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
        Tensor q = workspace.take(x.rows(), shape.heads() * shape.keyWidth());
        makeQueries(q, x, batch, workspace, kernels);
        store(x, batch, layer, kv, workspace, kernels);
        Tensor attended = workspace.take(x.rows(), shape.heads() * shape.valueWidth());
        BatchLayout layout = batch.layout(layer);
        if (layout.sequences() == 0) {
            // A dry run, which asks for memory: either form may be the one that needs more.
            attend(Form.PLAIN, attended, q, kv, layout, workspace, kernels);
            attend(Form.ABSORBED, attended, q, kv, layout, workspace, kernels);
        } else {
            attend(attended, q, kv, layout, workspace, kernels);
        }
        kernels.matmul(out, attended, output);
        workspace.release(mark);
    }

    private void makeQueries(
            Tensor q, Tensor x, Batch batch, Workspace workspace, Kernels kernels) {
        Tensor source = x;
        if (queries.down != null && queries.norm != null) {
            source = workspace.take(x.rows(), queries.down.rows());
            kernels.matmul(source, x, queries.down);
            kernels.rmsNorm(source, source, queries.norm, epsilon);
        }
        kernels.matmul(q, source, queries.up);
        kernels.rope(q, batch.positions(), queries.rope);
    }

    private void store(
            Tensor x, Batch batch, int layer, KvPages kv, Workspace workspace, Kernels kernels) {
        Tensor row = workspace.take(x.rows(), shape.stored());
        Tensor latent = workspace.take(x.rows(), shape.latent());
        kernels.matmul(row, x, latents.weight);
        kernels.copyColumns(latent, row, 0);
        kernels.rmsNorm(latent, latent, latents.norm, epsilon);
        kernels.pasteColumns(row, 0, latent, 0, shape.latent());
        kernels.rope(row, batch.positions(), latents.rope);
        kernels.appendKv(kv, row, null, batch.slots(layer));
    }

    /** Runs of sequences that take the same form go together. */
    private void attend(
            Tensor attended,
            Tensor q,
            KvPages kv,
            BatchLayout layout,
            Workspace workspace,
            Kernels kernels) {
        // Expanded keys are F32; a device that attends to other types only has one form.
        boolean choice = kernels.kvTypes().contains(DType.F32);
        int first = 0;
        while (first < layout.sequences()) {
            boolean plain = choice && shape.isPlainCheaper(layout, first);
            int end = first + 1;
            while (end < layout.sequences()
                    && plain == (choice && shape.isPlainCheaper(layout, end))) {
                end++;
            }
            Form form = plain ? Form.PLAIN : Form.ABSORBED;
            if (end - first == layout.sequences()) {
                attend(form, attended, q, kv, layout, workspace, kernels);
            } else {
                BatchLayout part = layout.part(first, end - first);
                int row = layout.firstRow(first);
                Tensor to = attended.slice(row, part.rows());
                attend(form, to, q.slice(row, part.rows()), kv, part, workspace, kernels);
            }
            first = end;
        }
    }

    /**
     * What the rows find in the cache.
     *
     * @param attended [rows, heads·valueWidth]
     * @param q [rows, heads·keyWidth], rotated
     */
    void attend(
            Form form,
            Tensor attended,
            Tensor q,
            KvPages kv,
            BatchLayout layout,
            Workspace workspace,
            Kernels kernels) {
        long mark = workspace.mark();
        switch (form) {
            case PLAIN -> plain(attended, q, kv, layout, workspace, kernels);
            case ABSORBED -> absorbed(attended, q, kv, layout, workspace, kernels);
        }
        workspace.release(mark);
    }

    private void absorbed(
            Tensor attended,
            Tensor q,
            KvPages kv,
            BatchLayout layout,
            Workspace workspace,
            Kernels kernels) {
        int latent = shape.latent();
        int each = q.rows() * shape.heads();
        Tensor queryOfHead = q.reshape(each, shape.keyWidth());
        Tensor unrotated = workspace.take(each, shape.unrotated());
        Tensor absorbed = workspace.take(each, latent);
        Tensor query = workspace.take(each, shape.stored());
        Tensor found = workspace.take(each, latent);
        kernels.copyColumns(unrotated, queryOfHead, 0);
        keys.toLatent(absorbed, unrotated, kernels);
        kernels.pasteColumns(query, 0, absorbed, 0, latent);
        kernels.pasteColumns(query, latent, queryOfHead, shape.unrotated(), shape.rotated());
        kernels.attention(
                found.reshape(q.rows(), shape.heads() * latent),
                query.reshape(q.rows(), shape.heads() * shape.stored()),
                kv,
                shape.absorbed(),
                layout);
        values.fromLatent(attended.reshape(each, shape.valueWidth()), found, kernels);
    }

    private void plain(
            Tensor attended,
            Tensor q,
            KvPages kv,
            BatchLayout layout,
            Workspace workspace,
            Kernels kernels) {
        int positions =
                layout.sequences() == 0
                        ? Math.multiplyExact(q.rows(), LatentShape.MOST_POSITIONS_OF_A_ROW)
                        : Math.toIntExact(layout.positions());
        int each = Math.multiplyExact(positions, shape.heads());
        Tensor stored = workspace.take(positions, shape.stored());
        Tensor latent = workspace.take(positions, shape.latent());
        Tensor unrotated = workspace.take(each, shape.unrotated());
        Tensor key = workspace.take(each, shape.keyWidth());
        Tensor value = workspace.take(each, shape.valueWidth());
        kernels.readKeys(stored, kv, layout);
        kernels.copyColumns(latent, stored, 0);
        keys.fromLatent(unrotated, latent, kernels);
        kernels.pasteColumns(key, 0, unrotated, 0, shape.unrotated());
        kernels.pasteColumns(key, shape.unrotated(), stored, shape.latent(), shape.rotated());
        values.fromLatent(value, latent, kernels);
        KvPages expanded =
                new KvPages(onePositionAPage(key), onePositionAPage(value), 1, kv.precision());
        kernels.attention(attended, q, expanded, shape.plain(), oneAfterTheOther(layout));
    }

    /** The vectors of all heads at a position as a page. */
    private Tensor onePositionAPage(Tensor vectors) {
        int heads = shape.heads();
        Shape pages = new Shape(vectors.rows() / heads, 1, heads * vectors.columns());
        return new Tensor(DType.F32, pages, vectors.buffer(), vectors.offset());
    }

    /** The same rows, where the positions of all sequences follow each other, one in a page. */
    private static BatchLayout oneAfterTheOther(BatchLayout layout) {
        BatchLayout flat = new BatchLayout(layout.sequences());
        int next = 0;
        for (int s = 0; s < layout.sequences(); s++) {
            int[] pages = new int[layout.length(s)];
            for (int position = 0; position < pages.length; position++) {
                pages[position] = next++;
            }
            flat.add(layout.rowCount(s), layout.length(s), pages);
        }
        return flat;
    }
}
