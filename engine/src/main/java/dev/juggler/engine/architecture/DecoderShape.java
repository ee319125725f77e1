package dev.juggler.engine.architecture;

import dev.juggler.engine.model.Model;
import dev.juggler.engine.nn.Decoder;
import dev.juggler.engine.nn.DecoderLayer;
import dev.juggler.engine.placement.Role;
import dev.juggler.kernel.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * What every decoder has: layers, a width, and what stands before and after the layers.
 *
 * @param layers number of layers
 * @param width elements of a row between layers
 * @param epsilon of the norms
 */
record DecoderShape(int layers, int width, float epsilon) {
    /** Far beyond any model; keeps absurd files from costing memory. */
    static final int WIDEST = 1 << 24;

    static final int MOST_LAYERS = 1 << 12;
    static final int MOST_EXPERTS = 1 << 16;

    static DecoderShape read(ModelKeys keys) {
        if (!keys.flag("attention.causal", true)) {
            throw keys.refuse("attention.causal", "rows here see only what stands before them");
        }
        for (String key : List.of("hidden_act", "hidden_activation")) {
            if (!List.of("silu", "swish", "swiglu").contains(keys.text(key, "silu"))) {
                throw keys.refuse(key, "known is silu");
            }
        }
        return new DecoderShape(
                keys.integer("block_count", 1, MOST_LAYERS),
                keys.integer("embedding_length", 1, WIDEST),
                (float) keys.number("attention.layer_norm_rms_epsilon", 0, 1));
    }

    /** The same without the layers at the end that only predict further tokens. */
    DecoderShape withoutPredicting(ModelKeys keys) {
        int predicting = keys.integer("nextn_predict_layers", 0, 0, layers - 1);
        return new DecoderShape(layers - predicting, width, epsilon);
    }

    /**
     * Leaves out the weights of layers behind these.
     *
     * @param blocks layers in the file
     */
    void ignoreBehind(WeightSource weights, int blocks) {
        for (int index = layers; index < blocks; index++) {
            weights.ignore("blk.%d.".formatted(index), "predicts further tokens (NextN)");
        }
    }

    /**
     * Takes the layers, then embedding, last norm and head; where there is no head the embedding is
     * it (tied).
     *
     * @param layer takes the weights of one layer
     */
    Model assemble(WeightSource weights, Function<LayerWeights, DecoderLayer> layer) {
        List<DecoderLayer> taken = new ArrayList<>();
        for (int index = 0; index < layers; index++) {
            taken.add(layer.apply(new LayerWeights(weights, index)));
        }
        String embedding = "token_embd.weight";
        String head = weights.has("output.weight") ? "output.weight" : embedding;
        Shape table = Shape.matrix(weights.rows(embedding), width);
        return new Decoder(
                weights.take(WeightRequest.matrix(embedding, Role.EMBED, table)),
                taken,
                weights.take(WeightRequest.vector("output_norm.weight", Role.NORM, width)),
                weights.take(WeightRequest.matrix(head, Role.HEAD, table)),
                epsilon);
    }
}
