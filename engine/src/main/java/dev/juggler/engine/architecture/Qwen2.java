package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.kernel.RopePlan.Pairing;

/** Qwen2 and Qwen2.5: biases on queries, keys and values. Yang et al. 2024, arXiv:2407.10671. */
final class Qwen2 {
    static final Family FAMILY = new Family("Qwen2, Qwen2.5, QwQ", "sliding windows", Qwen2::load);

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

    private Qwen2() {}

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
                                FeedForwardReader.dense(layer, width, config.feedForwardWidth())));
    }
}
