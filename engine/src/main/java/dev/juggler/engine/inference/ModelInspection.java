package dev.juggler.engine.inference;

import dev.juggler.engine.model.ModelProblem;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a file holds, whether or not it can be run, as far as its tables tell; no weight is read.
 * {@link ModelInspector} makes it.
 *
 * @param architecture {@code general.architecture}, empty where the file does not say
 * @param name {@code general.name}, empty where the file does not say
 * @param supported whether it would be loaded: there are no problems
 * @param problems what keeps it from being loaded, the first first
 * @param files the file, or all parts of a split one that are there
 * @param missing parts of a split file that are not there
 * @param quantization as the file calls it, else the type that most bytes have
 * @param contextLength tokens that it was trained for, 0 where the file does not say
 * @param types how its weights are stored, largest first
 * @param roles what its weights are for
 * @param ignored tensors that are known and left out
 * @param cache what it keeps of the tokens of a sequence, or null where that cannot be told
 * @param tokenizer what makes tokens, or null where that cannot be told
 * @param tensors all, in file order
 */
public record ModelInspection(
        String architecture,
        String name,
        boolean supported,
        List<ModelProblem> problems,
        List<String> files,
        List<String> missing,
        long fileBytes,
        int ggufVersion,
        String quantization,
        int contextLength,
        Parameters parameters,
        List<TypeShare> types,
        List<RoleShare> roles,
        List<Ignored> ignored,
        @Nullable Cache cache,
        @Nullable TokenizerNote tokenizer,
        List<TensorNote> tensors) {

    /**
     * Numbers of weights.
     *
     * @param total in the file
     * @param active that one token is multiplied with; embeddings count whole, as model cards do it
     * @param experts experts of a layer, 0 where there are none
     * @param expertsUsed how many of them a token is sent to
     */
    public record Parameters(long total, long active, int experts, int expertsUsed) {}

    /**
     * Weights that are stored alike.
     *
     * @param share of the bytes of all weights, 0 to 1
     */
    public record TypeShare(String type, int tensors, long parameters, long bytes, double share) {}

    /**
     * Weights that are for the same.
     *
     * @param role as placement rules call it; {@code ignored}, or {@code unknown}
     * @param bytes each tensor counted once, where it is used first
     * @param types how they are stored
     */
    public record RoleShare(
            String role, int tensors, long parameters, long bytes, List<String> types) {}

    /** Tensors that are left out, by what their names begin with. */
    public record Ignored(String prefix, String reason, int tensors, long bytes) {}

    /**
     * Memory for keys and values.
     *
     * @param type how they are stored, as configured
     * @param bytesPerToken growth with each token while no window is full
     * @param bytesPerKilotoken what a sequence of 1024 tokens takes
     * @param bytesOfTrainedContext what a sequence of the trained context takes, 0 if unknown
     * @param layers layers that store the same, in order
     */
    public record Cache(
            String type,
            long bytesPerToken,
            long bytesPerKilotoken,
            long bytesOfTrainedContext,
            List<CacheLayers> layers) {}

    /**
     * Layers that store the same for a token.
     *
     * @param form {@code keys and values}, or {@code latent} where values are a part of the keys
     * @param layers such as {@code 0-26}
     * @param window tokens that are seen, 0 for all
     */
    public record CacheLayers(
            String form, String layers, int count, int keyWidth, int valueWidth, int window) {}

    /**
     * How text becomes tokens.
     *
     * @param kind {@code tokenizer.ggml.model} and {@code tokenizer.ggml.pre}
     * @param tokens size of the vocabulary
     * @param chatTemplate {@code own}, {@code configured}, {@code ChatML} where that stands in, or
     *     {@code none}
     */
    public record TokenizerNote(String kind, int tokens, String chatTemplate) {}

    /** A tensor; dimensions fastest first. */
    public record TensorNote(String name, String type, List<Long> dimensions, String role) {}
}
