package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.engine.nn.MixtureOfExperts;
import dev.juggler.engine.placement.Role;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Routing;

/**
 * Qwen1.5-MoE and Qwen2-57B-A14B: experts beside a gated shared one, routing weights stay as they
 * are. Yang et al. 2024, arXiv:2407.10671.
 */
final class Qwen2Moe {
    static final Family FAMILY =
            new Family(
                    "Qwen1.5-MoE, Qwen2-57B-A14B",
                    "sliding windows, dense layers between those with experts",
                    Qwen2Moe::load);

    /** What the keys say. */
    record Config(
            DecoderShape decoder,
            AttentionShape attention,
            int expertWidth,
            int sharedWidth,
            int experts,
            Routing routing) {
        static Config read(ModelKeys keys) {
            DecoderShape decoder = DecoderShape.read(keys);
            AttentionShape attention = AttentionShape.read(keys, decoder.layers(), decoder.width());
            int experts = keys.integer("expert_count", 1, DecoderShape.MOST_EXPERTS);
            int used = keys.integer("expert_used_count", 1, experts);
            int widest = DecoderShape.WIDEST;
            // Early files give only the width of all experts that a token uses together.
            int inner = keys.integer("feed_forward_length", used, widest);
            return new Config(
                    decoder,
                    attention,
                    keys.integer("expert_feed_forward_length", inner / used, 1, widest),
                    keys.integer("expert_shared_feed_forward_length", inner, 1, widest),
                    experts,
                    ExpertShape.softmax(keys, used, false));
        }
    }

    private Qwen2Moe() {}

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
                        Biases.QUERY_KEY_VALUE,
                        Norm.NONE);
        return decoder.assemble(
                weights,
                layer ->
                        new DecoderLayer(
                                layer.vector("blk.%d.attn_norm.weight", NORM, width),
                                attention.read(layer, shape.plan(0, null)),
                                layer.vector("blk.%d.ffn_norm.weight", NORM, width),
                                experts(config, layer)));
    }

    private static MixtureOfExperts experts(Config config, LayerWeights layer) {
        int width = config.decoder().width();
        return new MixtureOfExperts(
                FeedForwardReader.router(layer, width, config.experts(), config.routing()),
                FeedForwardReader.stacks(layer, width, config.expertWidth(), config.experts()),
                FeedForwardReader.shared(layer, width, config.sharedWidth()),
                layer.matrix("blk.%d.ffn_gate_inp_shexp.weight", Role.SHARED_EXPERT, 1, width));
    }
}
