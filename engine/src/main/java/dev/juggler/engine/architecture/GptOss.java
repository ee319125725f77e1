package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.ATTENTION;
import static dev.juggler.engine.placement.Role.NORM;
import static dev.juggler.engine.placement.Role.ROUTER;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.engine.nn.MixtureOfExperts;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.ExpertWeights;
import dev.juggler.kernel.GatedActivation;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.RouterWeights;
import dev.juggler.kernel.Routing;
import dev.juggler.kernel.Routing.Scoring;

/**
 * gpt-oss: attention sinks, a sliding window in every other layer, biases everywhere, a clamped
 * activation. OpenAI 2025, arXiv:2508.10925.
 */
final class GptOss {
    static final Family FAMILY =
            new Family(
                    "gpt-oss-20b, gpt-oss-120b",
                    "the window is in every other layer, from the first",
                    GptOss::load);

    private static final GatedActivation CLAMPED =
            new GatedActivation(GatedActivation.Kind.CLAMPED_SWIGLU, 1.702f, 7f);

    /** What the keys say. */
    record Config(
            DecoderShape decoder,
            AttentionShape attention,
            int window,
            int expertWidth,
            int experts,
            int expertsUsed) {

        static Config read(ModelKeys keys) {
            DecoderShape decoder = DecoderShape.read(keys);
            int experts = keys.integer("expert_count", 1, DecoderShape.MOST_EXPERTS);
            int choice = keys.integer("expert_gating_func", 0, 0, Integer.MAX_VALUE);
            if (choice != 0 && choice != 3) {
                throw keys.refuse(
                        "expert_gating_func",
                        "this family chooses by a softmax of the chosen, which is 3");
            }
            int pattern = keys.integer("attention.sliding_window_pattern", 2, 0, 1 << 12);
            if (pattern != 2) {
                throw keys.refuse(
                        "attention.sliding_window_pattern", "every other layer has a window, so 2");
            }
            return new Config(
                    decoder,
                    AttentionShape.read(keys, decoder.layers(), decoder.width()),
                    keys.integer("attention.sliding_window", 1, Integer.MAX_VALUE),
                    keys.integer("expert_feed_forward_length", 1, DecoderShape.WIDEST),
                    experts,
                    keys.integer("expert_used_count", 1, experts));
        }
    }

    private GptOss() {}

    static Model load(ModelKeys keys, WeightSource weights) {
        Config config = Config.read(keys);
        AttentionShape shape = config.attention();
        DecoderShape decoder = config.decoder();
        int width = decoder.width();
        AttentionReader attention =
                new AttentionReader(
                        shape,
                        width,
                        decoder.epsilon(),
                        shape.rope(Pairing.HALVES, null),
                        Biases.ALL,
                        Norm.NONE);
        return decoder.assemble(
                weights,
                layer ->
                        new DecoderLayer(
                                layer.vector("blk.%d.attn_norm.weight", NORM, width),
                                attention.read(layer, plan(config, layer)),
                                layer.vector("blk.%d.post_attention_norm.weight", NORM, width),
                                experts(config, layer)));
    }

    /** Every other layer sees a window, from the first on. */
    private static AttentionPlan plan(Config config, LayerWeights layer) {
        AttentionShape shape = config.attention();
        return shape.plan(
                layer.layer() % 2 == 0 ? config.window() : 0,
                layer.vector("blk.%d.attn_sinks.weight", ATTENTION, shape.heads()));
    }

    private static MixtureOfExperts experts(Config config, LayerWeights layer) {
        int width = config.decoder().width();
        int experts = config.experts();
        int inner = config.expertWidth();
        Routing routing =
                new Routing(config.expertsUsed(), Scoring.SOFTMAX_OF_CHOSEN, false, 1, 1, 1, null);
        return new MixtureOfExperts(
                new RouterWeights(
                        layer.matrix("blk.%d.ffn_gate_inp.weight", ROUTER, experts, width),
                        layer.vector("blk.%d.ffn_gate_inp.bias", ROUTER, experts),
                        routing),
                new ExpertWeights(
                        layer.experts("blk.%d.ffn_gate_exps.weight", experts, inner, width),
                        layer.experts("blk.%d.ffn_up_exps.weight", experts, inner, width),
                        layer.experts("blk.%d.ffn_down_exps.weight", experts, width, inner),
                        layer.expertBiases("blk.%d.ffn_gate_exps.bias", experts, inner),
                        layer.expertBiases("blk.%d.ffn_up_exps.bias", experts, inner),
                        layer.expertBiases("blk.%d.ffn_down_exps.bias", experts, width),
                        CLAMPED),
                null,
                null);
    }
}
