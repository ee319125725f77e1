package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.ATTENTION;
import static dev.juggler.engine.placement.Role.NORM;

import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.engine.nn.HeadMap;
import dev.juggler.engine.nn.LatentAttention;
import dev.juggler.engine.nn.LatentAttention.Latents;
import dev.juggler.engine.nn.LatentAttention.Queries;
import dev.juggler.engine.nn.LatentShape;
import dev.juggler.engine.nn.RopeScaling;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Routing.Scoring;
import dev.juggler.kernel.Shape;
import dev.juggler.kernel.Tensor;

/**
 * DeepSeek-V2, V2-Lite, V3, R1 and what is built like them (Kimi-K2): latent attention, and experts
 * beside shared ones behind dense layers. DeepSeek-AI 2024, arXiv:2405.04434 and arXiv:2412.19437.
 */
final class Deepseek2 {
    private static final String REPEATED = "repeats attn_kv_b in another layout";

    static final Family FAMILY =
            new Family(
                    "DeepSeek-V2, V2-Lite, V3, R1, V3.1; Kimi-K2",
                    "NextN layers are left out",
                    Deepseek2::load);

    /**
     * What the keys say.
     *
     * @param blocks layers in the file, of which the last may only predict further tokens
     */
    record Config(
            int blocks,
            DecoderShape decoder,
            Latent attention,
            ExpertShape experts,
            int feedForwardWidth) {

        static Config read(ModelKeys keys) {
            DecoderShape all = DecoderShape.read(keys);
            DecoderShape decoder = all.withoutPredicting(keys);
            ExpertShape experts = ExpertShape.read(keys, decoder.layers(), Scoring.SOFTMAX);
            return new Config(
                    all.layers(),
                    decoder,
                    Latent.read(keys, all.layers()),
                    // V2 judges groups by their best expert, V3, which has sigmoids, by two.
                    experts.scoring() == Scoring.SOFTMAX
                            ? experts.withGroupsByOneExpert()
                            : experts,
                    keys.integer("feed_forward_length", 1, DecoderShape.WIDEST));
        }
    }

    /**
     * Heads and positions.
     *
     * @param queryRank elements of the vector that queries go through, 0 where they go through none
     */
    record Latent(LatentShape shape, int queryRank, double ropeBase, RopeScaling scaling) {
        static Latent read(ModelKeys keys, int layers) {
            int widest = AttentionShape.WIDEST_HEAD;
            int heads =
                    keys.sameForAllLayers(
                            "attention.head_count", layers, 0, 1, AttentionShape.MOST_HEADS);
            int latent = keys.integer("attention.kv_lora_rank", 1, widest);
            // In files that split the maps, the keys without "mla" describe what is stored.
            boolean split = keys.has("attention.key_length_mla");
            String suffix = split ? "_mla" : "";
            int keyWidth = keys.integer("attention.key_length" + suffix, 3, widest);
            int valueWidth = keys.integer("attention.value_length" + suffix, 1, widest);
            int rotated = RopeKeys.rotated(keys, 0, keyWidth - 1);
            if (rotated == 0) {
                throw keys.refuse("rope.dimension_count", "this family needs it");
            }
            if (split) {
                requireStored(keys, "attention.key_length", latent + rotated);
                requireStored(keys, "attention.value_length", latent);
            }
            int kvHeads = keys.sameForAllLayers("attention.head_count_kv", layers, 1, 1, heads);
            if (kvHeads != 1 && kvHeads != heads) {
                throw keys.refuse("attention.head_count_kv", "expected 1 or " + heads);
            }
            RopeScaling scaling = RopeKeys.scaling(keys);
            double multiplier = keys.number("rope.scaling.yarn_log_multiplier", 0, 0, 1e3);
            double factor = 1;
            if (scaling instanceof RopeScaling.Yarn yarn && multiplier > 0) {
                // The temperature is on the whole score, not on its rotated part.
                double temperature =
                        RopeKeys.attentionFactor(keys)
                                * RopeScaling.Yarn.magnitude(yarn.factor(), 10 * multiplier);
                factor = temperature * temperature;
                scaling = yarn.withMagnitude(1);
            }
            float scale = (float) (factor / Math.sqrt(keyWidth));
            return new Latent(
                    LatentShape.of(heads, latent, keyWidth, rotated, valueWidth, scale),
                    keys.integer("attention.q_lora_rank", 0, 0, DecoderShape.WIDEST),
                    RopeKeys.base(keys),
                    scaling);
        }

        private static void requireStored(ModelKeys keys, String key, int expected) {
            if (keys.integer(key, expected, 1, Integer.MAX_VALUE) != expected) {
                throw keys.refuse(key, "expected %d by kv_lora_rank and rope".formatted(expected));
            }
        }

        /** Rotates the last elements of a vector of {@code width}. */
        RopePlan rope(int width) {
            int rotated = shape.rotated();
            return scaling.plan(
                    Pairing.INTERLEAVED, width, width - rotated, rotated, ropeBase, null);
        }
    }

    private Deepseek2() {}

    static Model load(ModelKeys keys, WeightSource weights) {
        Config config = Config.read(keys);
        DecoderShape decoder = config.decoder();
        int width = decoder.width();
        Latent latent = config.attention();
        RopePlan queryRope = latent.rope(latent.shape().keyWidth());
        RopePlan keyRope = latent.rope(latent.shape().stored());
        decoder.ignoreBehind(weights, config.blocks());
        return decoder.assemble(
                weights,
                layer ->
                        new DecoderLayer(
                                layer.vector("blk.%d.attn_norm.weight", NORM, width),
                                attention(config, layer, queryRope, keyRope),
                                layer.vector("blk.%d.ffn_norm.weight", NORM, width),
                                FeedForwardReader.denseThenExperts(
                                        layer,
                                        width,
                                        config.feedForwardWidth(),
                                        config.experts())));
    }

    private static LatentAttention attention(
            Config config, LayerWeights layer, RopePlan queryRope, RopePlan keyRope) {
        int width = config.decoder().width();
        LatentShape shape = config.attention().shape();
        Queries queries = queries(config, layer, queryRope);
        Latents latents =
                new Latents(
                        layer.matrix(
                                "blk.%d.attn_kv_a_mqa.weight", ATTENTION, shape.stored(), width),
                        layer.vector("blk.%d.attn_kv_a_norm.weight", ATTENTION, shape.latent()),
                        keyRope);
        HeadMap keys;
        HeadMap values;
        boolean split = layer.has("blk.%d.attn_k_b.weight") || layer.has("blk.%d.attn_v_b.weight");
        if (split && !layer.has("blk.%d.attn_kv_b.weight")) {
            keys = new HeadMap(splitKeys(layer, shape), 0, true);
            values = new HeadMap(splitValues(layer, shape), 0, false);
        } else {
            Tensor both = keysAndValues(layer, shape);
            keys = new HeadMap(both, 0, false);
            values = new HeadMap(both, shape.unrotated(), false);
            layer.ignore("blk.%d.attn_k_b.weight", REPEATED);
            layer.ignore("blk.%d.attn_v_b.weight", REPEATED);
        }
        Tensor output =
                layer.matrix(
                        "blk.%d.attn_output.weight",
                        ATTENTION, width, shape.heads() * shape.valueWidth());
        float epsilon = config.decoder().epsilon();
        return new LatentAttention(queries, latents, keys, values, output, shape, epsilon);
    }

    private static Queries queries(Config config, LayerWeights layer, RopePlan rope) {
        int width = config.decoder().width();
        int rank = config.attention().queryRank();
        int all = config.attention().shape().heads() * config.attention().shape().keyWidth();
        if (rank == 0) {
            return new Queries(
                    null, null, layer.matrix("blk.%d.attn_q.weight", ATTENTION, all, width), rope);
        }
        return new Queries(
                layer.matrix("blk.%d.attn_q_a.weight", ATTENTION, rank, width),
                layer.vector("blk.%d.attn_q_a_norm.weight", ATTENTION, rank),
                layer.matrix("blk.%d.attn_q_b.weight", ATTENTION, all, rank),
                rope);
    }

    /** [heads, unrotated + valueWidth, latent]: for each head first what makes its key. */
    private static Tensor keysAndValues(LayerWeights layer, LatentShape shape) {
        int ofHead = shape.unrotated() + shape.valueWidth();
        Tensor all =
                layer.matrix(
                        "blk.%d.attn_kv_b.weight",
                        ATTENTION, shape.heads() * ofHead, shape.latent());
        Shape stack = new Shape(shape.heads(), ofHead, shape.latent());
        return new Tensor(all.dtype(), stack, all.buffer(), all.offset());
    }

    /** [heads, latent, unrotated]: transposed, ready for queries. */
    private static Tensor splitKeys(LayerWeights layer, LatentShape shape) {
        return layer.heads(
                "blk.%d.attn_k_b.weight",
                ATTENTION, shape.heads(), shape.latent(), shape.unrotated());
    }

    /** [heads, valueWidth, latent]. */
    private static Tensor splitValues(LayerWeights layer, LatentShape shape) {
        return layer.heads(
                "blk.%d.attn_v_b.weight",
                ATTENTION, shape.heads(), shape.valueWidth(), shape.latent());
    }
}
