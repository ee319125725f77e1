package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.kernel.RopePlan.Pairing;

/** Qwen3, dense: queries and keys are normed head by head. Yang et al. 2025, arXiv:2505.09388. */
final class Qwen3 {
    static final Family FAMILY = new Family("Qwen3, dense", "sliding windows", Qwen3::load);

    /** What the keys say. */
    record Config(DecoderShape decoder, AttentionShape attention, int feedForwardWidth) {
        static Config read(ModelKeys keys) {
            DecoderShape decoder = DecoderShape.read(keys);
            AttentionShape attention = AttentionShape.read(keys, decoder.layers(), decoder.width());
            return new Config(
                    decoder,
                    attention,
                    keys.integer("feed_forward_length", 1, DecoderShape.WIDEST));
        }
    }

    private Qwen3() {}

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
                                FeedForwardReader.dense(layer, width, config.feedForwardWidth())));
    }
}
