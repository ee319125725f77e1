package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.Tensor;

/** Products in Java, on {@link MatrixKernels}: every type, activations in F32. */
final class PanelProducts implements Products {
    private final DenseProduct denseProduct;
    private final ExpertProduct expertProduct;
    private final ExpertFeedForward expertFeedForward;

    PanelProducts(KernelContext context) {
        denseProduct = new DenseProduct(context);
        expertProduct = new ExpertProduct(context);
        expertFeedForward = new ExpertFeedForward(context);
    }

    @Override
    public void multiply(Tensor out, Tensor x, Tensor weight) {
        denseProduct.multiply(out, x, weight);
    }

    @Override
    public void multiplyByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        expertProduct.multiply(out, x, stack, ids);
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights) {
        denseProduct.feedForward(out, x, weights);
    }

    @Override
    public void experts(
            Tensor out, Tensor x, Tensor ids, Tensor routeWeights, ExpertWeights weights) {
        expertFeedForward.run(out, x, ids, routeWeights, weights);
    }
}
