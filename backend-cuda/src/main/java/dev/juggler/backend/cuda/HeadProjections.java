package dev.juggler.backend.cuda;

import dev.juggler.backend.cuda.KernelModule.Kernel;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.KvPages;
import dev.juggler.kernel.Projection;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Tensor;
import dev.juggler.kernel.Workspace;
import org.jspecify.annotations.Nullable;

/**
 * From rows to queries, and to keys and values in the cache: rows are rounded once for the three
 * products, those with weights of one type are one launch in decoding, and biases, norms, rotation
 * and the way into the cache are another.
 */
final class HeadProjections {
    private static final int WIDEST_HEAD = 512;
    private static final int HEADS_OF_BLOCK = 4;
    private static final int VALUES_OF_WARP = 128;
    private static final int BLOCK = 128;

    /** Of Q8_0 in a cache; a block belongs to one head. */
    private static final int CACHE_BLOCK = 32;

    private final Card card;
    private final Products products;
    private final Rotations rotations;
    private final Kernel finish;

    HeadProjections(Card card, Products products, Rotations rotations) {
        this.card = card;
        this.products = products;
        this.rotations = rotations;
        finish = card.module.kernel("finish_heads");
    }

    /**
     * Whether these are of the usual kind: rotated heads of usual width, each normed by itself or
     * not at all. The plain operations serve the others.
     */
    static boolean takes(ProjectionWeights weights, KvPages kv) {
        RopePlan rope = weights.rope();
        Tensor values = kv.values();
        if (rope == null || values == null || weights.value().norm() != null) {
            return false;
        }
        int width = rope.headWidth();
        boolean blocksOfHeads = kv.keys().dtype() != DType.Q8_0 || width % CACHE_BLOCK == 0;
        return width <= WIDEST_HEAD
                && blocksOfHeads
                && isOfHeads(weights.query().norm(), width)
                && isOfHeads(weights.key().norm(), width);
    }

    private static boolean isOfHeads(@Nullable Tensor norm, int width) {
        return norm == null || norm.columns() == width;
    }

    /** What {@link #takes} was asked for. */
    void project(
            Tensor q,
            Tensor x,
            ProjectionWeights weights,
            Tensor positions,
            KvPages kv,
            Tensor slots,
            Workspace workspace) {
        RopePlan rope = weights.rope();
        Tensor values = kv.values();
        if (rope == null || values == null) {
            throw new IllegalArgumentException("heads that are not rotated, or without values");
        }
        if (x.rows() == 0) {
            return;
        }
        long mark = workspace.mark();
        Tensor k = workspace.take(x.rows(), weights.key().weight().rows());
        Tensor v = workspace.take(x.rows(), weights.value().weight().rows());
        products.multiplyAll(
                product(q, x, weights.query()),
                product(k, x, weights.key()),
                product(v, x, weights.value()));
        int heads = q.columns() / rope.headWidth();
        int keyHeads = k.columns() / rope.headWidth();
        long units = heads + keyHeads + Products.ceil(v.columns(), VALUES_OF_WARP);
        long frequencies = rotations.frequencies(rope);
        card.queue
                .kernel(finish)
                .pointer(card.address(q))
                .pointer(card.address(k))
                .pointer(card.address(v))
                .pointer(card.addressOrNull(weights.query().bias()))
                .pointer(card.addressOrNull(weights.key().bias()))
                .pointer(card.addressOrNull(weights.value().bias()))
                .pointer(card.addressOrNull(weights.query().norm()))
                .pointer(card.addressOrNull(weights.key().norm()))
                .pointer(card.address(positions))
                .pointer(frequencies)
                .pointer(card.address(slots))
                .pointer(card.address(kv.keys()))
                .pointer(card.address(values))
                .number(x.rows())
                .number(heads)
                .number(keyHeads)
                .number(rope.headWidth())
                .number(v.columns())
                .real(weights.epsilon())
                .number(rope.offset())
                .number(rope.pairs())
                .flag(rope.pairing() == RopePlan.Pairing.HALVES)
                .real(rope.magnitude())
                .wide((long) kv.keys().count() * kv.keys().rows())
                .number(kv.keys().dtype().ggmlId())
                .number(values.dtype().ggmlId())
                .launch(Products.ceil(units, HEADS_OF_BLOCK), x.rows(), BLOCK);
        workspace.release(mark);
    }

    private Product product(Tensor out, Tensor x, Projection projection) {
        return products.product(out, x, projection.weight());
    }
}
