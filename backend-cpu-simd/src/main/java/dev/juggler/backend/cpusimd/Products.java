package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.Tensor;

/**
 * The operations that multiply by weights, which is where nearly all time goes. Arguments have been
 * checked; see {@link dev.juggler.kernel.Kernels} for what each computes.
 *
 * <p>A result may depend on its row of {@code x} and its row of the weight only, bit for bit: not
 * on the other rows, nor on the number of workers.
 */
interface Products {
    void multiply(Tensor out, Tensor x, Tensor weight);

    void multiplyByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids);

    void feedForward(Tensor out, Tensor x, FeedForwardWeights weights);

    void experts(Tensor out, Tensor x, Tensor ids, Tensor routeWeights, ExpertWeights weights);
}
