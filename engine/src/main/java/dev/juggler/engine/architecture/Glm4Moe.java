package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Routing.Scoring;

/**
 * GLM-4.5, 4.6 and 4.5-Air: a part of each head is rotated, the first layers are dense, experts are
 * chosen by sigmoid and bias. GLM-4.5 team 2025, arXiv:2508.06471.
 */
final class Glm4Moe {
    static final Family FAMILY =
            new Family("GLM-4.5, GLM-4.5-Air, GLM-4.6", "NextN layers are left out", Glm4Moe::load);

    /**
     * What the keys say.
     *
     * @param blocks layers in the file, of which the last only predict further tokens
     */
    record Config(
            int blocks,
            DecoderShape decoder,
            AttentionShape attention,
            ExpertShape experts,
            int feedForwardWidth) {

        static Config read(ModelKeys keys) {
            DecoderShape all = DecoderShape.read(keys);
            DecoderShape decoder = all.withoutPredicting(keys);
            return new Config(
                    all.layers(),
                    decoder,
                    AttentionShape.read(keys, all.layers(), all.width()),
                    ExpertShape.read(keys, decoder.layers(), Scoring.SIGMOID),
                    keys.integer("feed_forward_length", 1, DecoderShape.WIDEST));
        }
    }

    private Glm4Moe() {}

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
                        weights.has("blk.0.attn_q.bias") ? Biases.QUERY_KEY_VALUE : Biases.NONE,
                        weights.has("blk.0.attn_q_norm.weight") ? Norm.EACH_HEAD : Norm.NONE);
        decoder.ignoreBehind(weights, config.blocks());
        return decoder.assemble(
                weights,
                layer ->
                        new DecoderLayer(
                                layer.vector("blk.%d.attn_norm.weight", NORM, width),
                                attention.read(layer, shape.plan(0, null)),
                                layer.vector("blk.%d.post_attention_norm.weight", NORM, width),
                                FeedForwardReader.denseThenExperts(
                                        layer,
                                        width,
                                        config.feedForwardWidth(),
                                        config.experts())));
    }
}
