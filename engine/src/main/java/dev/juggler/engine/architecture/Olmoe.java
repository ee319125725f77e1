package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Routing;

/**
 * OLMoE: queries and keys are normed over all heads together, routing weights stay as they are.
 * Muennighoff et al. 2024, arXiv:2409.02060.
 */
final class Olmoe {
    static final Family FAMILY =
            new Family("OLMoE", "clipped queries, keys and values", Olmoe::load);

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
                    keys.integer("feed_forward_length", 1, DecoderShape.WIDEST),
                    experts,
                    ExpertShape.softmax(
                            keys, keys.integer("expert_used_count", 1, experts), false));
        }
    }

    private Olmoe() {}

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
                        Norm.WHOLE);
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
