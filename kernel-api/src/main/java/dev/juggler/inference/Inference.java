package dev.juggler.inference;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The engine as protocols see it. Safe for use by many threads. */
public interface Inference {
    /** All configured models, in the order of the configuration. */
    List<ModelCard> models();

    /**
     * The model with this name, or the configured fallback for a name that is unknown.
     *
     * @throws InferenceException of kind UNKNOWN_MODEL if there is neither
     */
    ModelCard model(String name);

    /** Models that are in memory now. */
    List<LoadedModel> loaded();

    /**
     * Loads a model, if it is not loaded, and waits until it is ready.
     *
     * @param keepAlive how long it stays after its last use; null: as configured; negative: for
     *     ever; zero: it is unloaded as soon as nobody uses it
     * @throws InferenceException if it is unknown or cannot be loaded
     */
    LoadedModel load(String name, @Nullable Duration keepAlive);

    /** Unloads a model once its running generations are over; does nothing if it is not loaded. */
    void unload(String name);

    /**
     * Template, tokenizer, admission, queue. Loads the model if need be.
     *
     * @return the generation, which the caller must close
     * @throws InferenceException if the request is refused, see its kind
     */
    Generation submit(GenerationRequest request);

    /**
     * The ids that a prompt becomes for a model, as {@link #submit} would make them. Loads no
     * weights.
     *
     * @throws InferenceException if the model is unknown, the template refuses the conversation, or
     *     this engine has no tokenizer apart from a generation
     */
    default List<Integer> tokenize(String model, Prompt prompt) {
        throw new InferenceException(
                InferenceException.Kind.INVALID_REQUEST,
                "this engine cannot tokenize a prompt apart from a generation");
    }
}
