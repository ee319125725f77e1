package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/**
 * The way into attention: how queries, keys and values are made of rows.
 *
 * @param query [heads·keyWidth, width]
 * @param key [kvHeads·keyWidth, width]
 * @param value [kvHeads·valueWidth, width]
 * @param epsilon of the norms
 * @param rope how heads of queries and keys are rotated, or null where the layer has no positions
 */
public record ProjectionWeights(
        Projection query,
        Projection key,
        Projection value,
        float epsilon,
        @Nullable RopePlan rope) {}
