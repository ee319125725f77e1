package dev.juggler.kernel;

import org.jspecify.annotations.Nullable;

/**
 * A linear map to the vectors of heads, and what follows it.
 *
 * @param weight [n, k]
 * @param bias F32 [1, n], or null
 * @param norm F32 [1, width of a head] for a norm of each head, [1, n] for one over the whole
 *     projection, or null
 */
public record Projection(Tensor weight, @Nullable Tensor bias, @Nullable Tensor norm) {}
