package dev.juggler.engine.model;

import dev.juggler.kernel.KvPages;

/** Keys and values of all layers. Who owns which page is the scheduler's business. */
public interface KvCache {
    /** The pages of one layer. */
    KvPages layer(int layer);
}
