package dev.juggler.ollama;

import dev.juggler.inference.Inference;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.ModelCard;
import dev.juggler.protocol.HttpError;
import dev.juggler.protocol.json.JsonFields;
import java.util.stream.Collectors;

/**
 * Finds models by Ollama's names, where {@code demo} and {@code demo:latest} are the same model and
 * the configuration may have either.
 */
final class ModelNames {
    private static final String LATEST = ":latest";

    private final Inference inference;

    ModelNames(Inference inference) {
        this.inference = inference;
    }

    /**
     * The model that a body names in {@code model}, or in the older {@code name}.
     *
     * @throws HttpError 400 if it names none, 404 if there is none of that name
     */
    ModelCard card(JsonFields body) {
        String name = body.text("model");
        if (name == null || name.isEmpty()) {
            name = body.text("name");
        }
        if (name == null || name.isEmpty()) {
            throw HttpError.badRequest("model is required", "model");
        }
        try {
            return inference.model(configured(name));
        } catch (InferenceException failure) {
            if (failure.kind() != InferenceException.Kind.UNKNOWN_MODEL) {
                throw failure;
            }
            throw new HttpError(
                    404,
                    "model_not_found",
                    "model '%s' not found; configured: %s".formatted(name, list()),
                    "model");
        }
    }

    private String configured(String name) {
        if (isConfigured(name)) {
            return name;
        }
        String other =
                name.endsWith(LATEST)
                        ? name.substring(0, name.length() - LATEST.length())
                        : name + LATEST;
        return isConfigured(other) ? other : name;
    }

    private boolean isConfigured(String name) {
        return inference.models().stream().anyMatch(card -> card.name().equals(name));
    }

    private String list() {
        return inference.models().stream().map(ModelCard::name).collect(Collectors.joining(", "));
    }
}
