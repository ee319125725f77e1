package dev.juggler.engine.nn;

import dev.juggler.kernel.Kernels;
import dev.juggler.kernel.Tensor;

/**
 * One linear map for each head, from a latent vector that all heads share to a vector of the head's
 * own; and its transpose, which goes back.
 *
 * @param stack a matrix for each head: [heads, rows, latent] where a row makes an element of the
 *     head's vector, [heads, latent, width] where it is stored transposed
 * @param first first row of a matrix that belongs to this map; 0 where it is stored transposed
 * @param transposed how it is stored
 */
public record HeadMap(Tensor stack, int first, boolean transposed) {
    /**
     * To the heads' own vectors.
     *
     * @param out [rows·heads, width]
     * @param latents [rows, latent], one for all heads, or [rows·heads, latent]
     */
    void fromLatent(Tensor out, Tensor latents, Kernels kernels) {
        if (transposed) {
            kernels.matmulByHeadTransposed(out, latents, stack, first);
        } else {
            kernels.matmulByHead(out, latents, stack, first);
        }
    }

    /**
     * The transposed map: what a product with it makes of a product with the heads' vectors.
     *
     * @param out [rows·heads, latent]
     * @param x [rows·heads, width]
     */
    void toLatent(Tensor out, Tensor x, Kernels kernels) {
        if (transposed) {
            kernels.matmulByHead(out, x, stack, first);
        } else {
            kernels.matmulByHeadTransposed(out, x, stack, first);
        }
    }
}
