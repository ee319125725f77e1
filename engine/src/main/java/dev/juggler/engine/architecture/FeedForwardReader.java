package dev.juggler.engine.architecture;

import dev.juggler.engine.nn.FeedForward;
import dev.juggler.engine.nn.FeedForwardBlock;
import dev.juggler.engine.nn.MixtureOfExperts;
import dev.juggler.engine.placement.Role;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.FeedForwardWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Tensor;

/** Takes the feed-forward weights of a layer under the names that all families use. */
final class FeedForwardReader {
    private FeedForwardReader() {}

    /** A dense block of {@code inner} elements. */
    static FeedForwardBlock dense(LayerWeights weights, int width, int inner) {
        return new FeedForward(
                new FeedForwardWeights(
                        weights.matrix("blk.%d.ffn_gate.weight", Role.FFN, inner, width),
                        weights.matrix("blk.%d.ffn_up.weight", Role.FFN, inner, width),
                        weights.matrix("blk.%d.ffn_down.weight", Role.FFN, width, inner),
                        GatedActivation.SWIGLU));
    }

    /** Experts of {@code inner} elements each, and nothing beside them. */
    static FeedForwardBlock experts(
            LayerWeights weights, int width, int inner, int experts, Routing routing) {
        return new MixtureOfExperts(
                router(weights, width, experts, routing),
                stacks(weights, width, inner, experts),
                null,
                null);
    }

    /**
     * Dense in the leading layers, behind them experts, perhaps beside a shared one and with a bias
     * on the choice.
     *
     * @param inner elements inside a dense block
     */
    static FeedForwardBlock denseThenExperts(
            LayerWeights weights, int width, int inner, ExpertShape shape) {
        if (weights.layer() < shape.leadingDense()) {
            return dense(weights, width, inner);
        }
        Tensor bias =
                weights.vectorIfPresent("blk.%d.exp_probs_b.bias", Role.ROUTER, shape.experts());
        return new MixtureOfExperts(
                router(weights, width, shape.experts(), shape.routing(bias)),
                stacks(weights, width, shape.inner(), shape.experts()),
                shape.shared() == 0 ? null : shared(weights, width, shape.shared()),
                null);
    }

    /** The router alone. */
    static RouterWeights router(LayerWeights weights, int width, int experts, Routing routing) {
        return new RouterWeights(
                weights.matrix("blk.%d.ffn_gate_inp.weight", Role.ROUTER, experts, width),
                null,
                routing);
    }

    /** The experts alone. */
    static ExpertWeights stacks(LayerWeights weights, int width, int inner, int experts) {
        return new ExpertWeights(
                weights.experts("blk.%d.ffn_gate_exps.weight", experts, inner, width),
                weights.experts("blk.%d.ffn_up_exps.weight", experts, inner, width),
                weights.experts("blk.%d.ffn_down_exps.weight", experts, width, inner),
                GatedActivation.SWIGLU);
    }

    /** The expert that all rows are sent to. */
    static FeedForwardWeights shared(LayerWeights weights, int width, int inner) {
        Role role = Role.SHARED_EXPERT;
        return new FeedForwardWeights(
                weights.matrix("blk.%d.ffn_gate_shexp.weight", role, inner, width),
                weights.matrix("blk.%d.ffn_up_shexp.weight", role, inner, width),
                weights.matrix("blk.%d.ffn_down_shexp.weight", role, width, inner),
                GatedActivation.SWIGLU);
    }
}
