package dev.juggler.engine.architecture;

import static dev.juggler.engine.placement.Role.ATTENTION;

import dev.juggler.engine.nn.GroupedAttention;
import dev.juggler.kernel.AttentionPlan;
import dev.juggler.kernel.Projection;
import dev.juggler.kernel.ProjectionWeights;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Takes the attention weights of a layer under the names that all families with grouped queries
 * use.
 *
 * @param width elements of a row between layers
 * @param biases on which projections a bias is added
 * @param norm what of queries and keys is normed
 */
record AttentionReader(
        AttentionShape shape,
        int width,
        float epsilon,
        @Nullable RopePlan rope,
        Biases biases,
        Norm norm) {

    /** Where biases are. */
    enum Biases {
        NONE,
        /** On queries, keys and values; a file without them is refused. */
        QUERY_KEY_VALUE,
        /** On queries, keys, values and output; a file without them is refused. */
        ALL,
        /** Wherever the file has one. */
        AS_IN_FILE
    }

    /** What of queries and keys is normed. */
    enum Norm {
        NONE,
        /** Each head by itself, with the same weights. */
        EACH_HEAD,
        /** All heads together. */
        WHOLE
    }

    /** Takes the weights of one layer. */
    GroupedAttention read(LayerWeights weights, AttentionPlan plan) {
        int queries = shape.queryWidth();
        int keys = shape.keysWidth();
        int values = shape.valuesWidth();
        int attended = shape.attendedWidth();
        ProjectionWeights heads =
                new ProjectionWeights(
                        new Projection(
                                weights.matrix("blk.%d.attn_q.weight", ATTENTION, queries, width),
                                bias(weights, "blk.%d.attn_q.bias", queries),
                                norm(weights, "blk.%d.attn_q_norm.weight", queries)),
                        new Projection(
                                weights.matrix("blk.%d.attn_k.weight", ATTENTION, keys, width),
                                bias(weights, "blk.%d.attn_k.bias", keys),
                                norm(weights, "blk.%d.attn_k_norm.weight", keys)),
                        new Projection(
                                weights.matrix("blk.%d.attn_v.weight", ATTENTION, values, width),
                                bias(weights, "blk.%d.attn_v.bias", values),
                                null),
                        epsilon,
                        rope);
        Projection output =
                new Projection(
                        weights.matrix("blk.%d.attn_output.weight", ATTENTION, width, attended),
                        biases == Biases.QUERY_KEY_VALUE
                                ? null
                                : bias(weights, "blk.%d.attn_output.bias", width),
                        null);
        return new GroupedAttention(heads, output, plan);
    }

    private @Nullable Tensor bias(LayerWeights weights, String name, int width) {
        return switch (biases) {
            case NONE -> null;
            case QUERY_KEY_VALUE, ALL -> weights.vector(name, ATTENTION, width);
            case AS_IN_FILE -> weights.vectorIfPresent(name, ATTENTION, width);
        };
    }

    private @Nullable Tensor norm(LayerWeights weights, String name, int width) {
        return switch (norm) {
            case NONE -> null;
            case EACH_HEAD -> weights.vector(name, ATTENTION, shape.keyWidth());
            case WHOLE -> weights.vector(name, ATTENTION, width);
        };
    }
}
