package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Routing;

/**
 * Qwen3 with experts in every layer, whose routing weights are normalised. Yang et al. 2025,
 * arXiv:2505.09388.
 */
final class Qwen3Moe {
    static final Family FAMILY =
            new Family(
                    "Qwen3-30B-A3B, Qwen3-235B-A22B, Qwen3-Coder",
                    "sliding windows, dense layers between those with experts",
                    Qwen3Moe::load);

    /** What the keys say. */
    record Config(
            DecoderShape decoder,
            AttentionShape attention,
            int expertWidth,
            int experts,
            Routing routing) {
        static Config read(ModelKeys keys) {
            DecoderShape decoder = DecoderShape.read(keys);
            AttentionShape attention = AttentionShape.read(keys, decoder.layers(), decoder.width());
            int experts = keys.integer("expert_count", 1, DecoderShape.MOST_EXPERTS);
            return new Config(
                    decoder,
                    attention,
                    keys.integer("expert_feed_forward_length", 1, DecoderShape.WIDEST),
                    experts,
                    ExpertShape.softmax(keys, keys.integer("expert_used_count", 1, experts), true));
        }
    }

    private Qwen3Moe() {}

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
                        Biases.NONE,
                        Norm.EACH_HEAD);
        return decoder.assemble(
                weights,
                layer ->
                        new DecoderLayer(
                                layer.vector("blk.%d.attn_norm.weight", NORM, width),
                                attention.read(layer, shape.plan(0, null)),
                                layer.vector("blk.%d.ffn_norm.weight", NORM, width),
                                FeedForwardReader.experts(
                                        layer,
                                        width,
                                        config.expertWidth(),
                                        config.experts(),
                                        config.routing())));
    }
}
