package dev.juggler.engine.model;

import dev.juggler.kernel.BatchLayout;
import dev.juggler.kernel.Tensor;

/**
 * The rows of one step: tokens of many sequences, prefill chunks and decode rows alike. A layer is
 * named where its cache has pages of its own (sliding windows keep fewer).
 */
public interface Batch {
    /** Rows. */
    int rows();

    /** Rows whose logits are wanted. */
    int outputs();

    /** Whether a row is a token that was generated, not one of a prompt. */
    boolean isGenerated(int row);

    /** Token ids, I32 [1, rows]. */
    Tensor ids();

    /** Positions, I32 [1, rows]. */
    Tensor positions();

    /** Which rows' logits are wanted, I32 [1, outputs], ascending. */
    Tensor outputRows();

    /** Where the keys and values of the rows go in this layer's cache, I32 [1, rows]. */
    Tensor slots(int layer);

    /** Sequences and pages, as this layer's cache sees them. */
    BatchLayout layout(int layer);
}
