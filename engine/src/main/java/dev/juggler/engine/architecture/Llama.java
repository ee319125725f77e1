package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.architecture.AttentionReader.Biases;
import dev.juggler.engine.architecture.AttentionReader.Norm;
import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.engine.nn.FeedForwardBlock;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Routing;
import org.jspecify.annotations.Nullable;

/**
 * Llama 1 to 3 and what shares their files' architecture: Mistral, Mixtral (with experts), many
 * finetunes. Touvron et al. 2023, arXiv:2302.13971; Jiang et al. 2024, arXiv:2401.04088.
 */
final class Llama {
    static final Family FAMILY =
            new Family(
                    "Llama 1 to 3.3, Mistral, Mixtral, and many finetunes of them",
                    "biases of feed-forward blocks, layers that differ in heads or widths, "
                            + "files with one tensor for each expert (before 2024)",
                    Llama::load);

    /**
     * What the keys say.
     *
     * @param experts experts of a layer, 0 for dense layers
     * @param routing how they are chosen, null for dense layers
     * @param window positions that a row sees (Mistral 7B), 0 for all
     */
    record Config(
            DecoderShape decoder,
            AttentionShape attention,
            int feedForwardWidth,
            int experts,
            @Nullable Routing routing,
            int window) {

        static Config read(ModelKeys keys) {
            DecoderShape decoder = DecoderShape.read(keys);
            int experts = keys.integer("expert_count", 0, 0, DecoderShape.MOST_EXPERTS);
            return new Config(
                    decoder,
                    AttentionShape.read(keys, decoder.layers(), decoder.width()),
                    keys.sameForAllLayers(
                            "feed_forward_length", decoder.layers(), 0, 1, DecoderShape.WIDEST),
                    experts,
                    experts == 0
                            ? noExperts(keys)
                            : ExpertShape.softmax(
                                    keys, keys.integer("expert_used_count", 1, experts), true),
                    keys.integer("attention.sliding_window", 0, 0, Integer.MAX_VALUE));
        }
    }

    private static @Nullable Routing noExperts(ModelKeys keys) {
        keys.integer("expert_used_count", 0, 0, 0);
        return null;
    }

    private Llama() {}

    static Model load(ModelKeys keys, WeightSource weights) {
        Config config = Config.read(keys);
        AttentionShape shape = config.attention();
        DecoderShape decoder = config.decoder();
        int width = decoder.width();
        float[] factors =
                weights.has("rope_freqs.weight")
                        ? weights.values("rope_freqs.weight", shape.rotated() / 2)
                        : null;
        AttentionReader attention =
                new AttentionReader(
                        shape,
                        width,
                        decoder.epsilon(),
                        shape.rope(Pairing.INTERLEAVED, factors),
                        Biases.AS_IN_FILE,
                        Norm.NONE);
        return decoder.assemble(
                weights,
                layer ->
                        new DecoderLayer(
                                layer.vector("blk.%d.attn_norm.weight", NORM, width),
                                attention.read(layer, shape.plan(config.window(), null)),
                                layer.vector("blk.%d.ffn_norm.weight", NORM, width),
                                feedForward(config, layer)));
    }

    private static FeedForwardBlock feedForward(Config config, LayerWeights layer) {
        int width = config.decoder().width();
        if (config.routing() == null) {
            return FeedForwardReader.dense(layer, width, config.feedForwardWidth());
        }
        return FeedForwardReader.experts(
                layer, width, config.feedForwardWidth(), config.experts(), config.routing());
    }
}
