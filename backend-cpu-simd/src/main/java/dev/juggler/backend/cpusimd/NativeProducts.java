package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.DType;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.Tensor;

/**
 * Products by native kernels: weights as they lie in the file, activations of 8 bits for quantized
 * weights and F32 for others. What they do not know, or what is not in native memory, goes to the
 * Java kernels.
 */
final class NativeProducts implements Products {
    private final Products others;
    private final NativeKernels kernels;
    private final boolean exact;
    private final NativeDense dense;
    private final NativeExperts experts;

    /**
     * @param exact whether activations stay F32, so that types that C does not decode go to {@code
     *     others}
     */
    NativeProducts(KernelContext context, NativeKernels kernels, Products others, boolean exact) {
        this.others = others;
        this.kernels = kernels;
        this.exact = exact;
        NativeWork work = new NativeWork(context, kernels);
        dense = new NativeDense(work);
        experts = new NativeExperts(work);
    }

    @Override
    public void multiply(Tensor out, Tensor x, Tensor weight) {
        if (multiplies(weight) && isNative(out, x)) {
            dense.multiply(out, x, weight);
        } else {
            others.multiply(out, x, weight);
        }
    }

    @Override
    public void feedForward(Tensor out, Tensor x, FeedForwardWeights weights) {
        if (multiplies(weights.gate(), weights.up(), weights.down()) && isNative(out, x)) {
            dense.feedForward(out, x, weights);
        } else {
            others.feedForward(out, x, weights);
        }
    }

    @Override
    public void multiplyByExpert(Tensor out, Tensor x, Tensor stack, Tensor ids) {
        if (multiplies(stack) && isNative(out, x)) {
            experts.multiply(out, x, stack, ids);
        } else {
            others.multiplyByExpert(out, x, stack, ids);
        }
    }

    @Override
    public void experts(
            Tensor out, Tensor x, Tensor ids, Tensor routeWeights, ExpertWeights weights) {
        boolean known =
                multiplies(weights.gate(), weights.up(), weights.down())
                        && kernels.haveSameLayouts(weights.gate().dtype(), weights.up().dtype())
                        && isNative(out, x, routeWeights)
                        && (weights.gateBias() == null || isNative(weights.gateBias()))
                        && (weights.upBias() == null || isNative(weights.upBias()))
                        && (weights.downBias() == null || isNative(weights.downBias()));
        if (known) {
            experts.feedForward(out, x, ids, routeWeights, weights);
        } else {
            others.experts(out, x, ids, routeWeights, weights);
        }
    }

    private boolean multiplies(Tensor... weights) {
        for (Tensor weight : weights) {
            DType dtype = weight.dtype();
            boolean known =
                    NativeKernels.floats().contains(dtype)
                            || (exact ? NativeLoops.DECODED : NativeKernels.quantized())
                                    .contains(dtype);
            if (!known || !isNative(weight)) {
                return false;
            }
        }
        return true;
    }

    private static boolean isNative(Tensor... tensors) {
        for (Tensor tensor : tensors) {
            if (!Operands.memory(tensor).isNative()) {
                return false;
            }
        }
        return true;
    }
}
