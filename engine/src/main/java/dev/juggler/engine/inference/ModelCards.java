package dev.juggler.engine.inference;

import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufFile;
import dev.juggler.engine.gguf.GgufMetadata;
import dev.juggler.engine.gguf.GgufTensor;
import dev.juggler.inference.InferenceException;
import dev.juggler.inference.ModelCard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The cards of models, read from the headers of their files and remembered until a file changes.
 * Safe for many threads.
 */
final class ModelCards {
    /** Arrays of the metadata that are longer (vocabularies) are left out of a card. */
    private static final int LONGEST_ARRAY = 64;

    private record Known(Instant modified, long bytes, ModelCard card) {}

    private final Map<ModelSettings, Known> known = new ConcurrentHashMap<>();

    /**
     * The card of a model.
     *
     * @throws InferenceException of kind UNAVAILABLE if its file cannot be read
     */
    ModelCard card(ModelSettings settings) {
        try {
            Instant modified = modified(settings);
            long bytes = Files.size(settings.path());
            Known before = known.get(settings);
            if (before != null && before.modified.equals(modified) && before.bytes == bytes) {
                return before.card;
            }
            try (GgufFile file = GgufFile.open(settings.path())) {
                ModelCard card = read(settings, file, modified);
                known.put(settings, new Known(modified, bytes, card));
                return card;
            }
        } catch (IOException e) {
            throw unreadable(settings, e);
        } catch (GgufException e) {
            throw new InferenceException(
                    InferenceException.Kind.UNAVAILABLE,
                    "model %s cannot be used: %s".formatted(settings.name(), e.getMessage()),
                    e);
        }
    }

    /**
     * When a model's file was last changed.
     *
     * @throws InferenceException of kind UNAVAILABLE if there is none
     */
    static Instant modified(ModelSettings settings) {
        try {
            return Files.getLastModifiedTime(settings.path()).toInstant();
        } catch (IOException e) {
            throw unreadable(settings, e);
        }
    }

    private static ModelCard read(ModelSettings settings, GgufFile file, Instant modified)
            throws IOException {
        GgufMetadata metadata = file.metadata();
        String family = file.architecture();
        int trained = trainedContext(metadata, family);
        @Nullable String own = metadata.stringOrNull("tokenizer.chat_template");
        @Nullable String template = settings.chatTemplate() != null ? settings.chatTemplate() : own;
        List<ModelCard.TensorCard> tensors = new ArrayList<>();
        for (GgufTensor tensor : file.tensors()) {
            tensors.add(tensorCard(tensor));
        }
        return new ModelCard(
                settings.name(),
                settings.path(),
                file.fileBytes(),
                FileDigest.of(file.paths()),
                modified,
                family,
                file.parameters(),
                file.quantization(),
                settings.contextFor(trained),
                trained,
                metadata.count(family + ".embedding_length", 0),
                template,
                capabilities(template),
                metadata.asMap(LONGEST_ARRAY),
                List.copyOf(tensors));
    }

    private static ModelCard.TensorCard tensorCard(GgufTensor tensor) {
        return new ModelCard.TensorCard(tensor.name(), tensor.typeName(), tensor.dimensions());
    }

    static int trainedContext(GgufMetadata metadata, String family) {
        return metadata.count(family + ".context_length", ModelSettings.AUTO_CONTEXT);
    }

    /** What a template can do shows in the variables and marks that it mentions. */
    private static List<String> capabilities(@Nullable String template) {
        List<String> capabilities = new ArrayList<>(List.of("completion"));
        if (template != null && template.contains("tools")) {
            capabilities.add("tools");
        }
        if (template != null
                && (template.contains("enable_thinking")
                        || template.contains("<think>")
                        || template.contains("reasoning"))) {
            capabilities.add("thinking");
        }
        return List.copyOf(capabilities);
    }

    private static InferenceException unreadable(ModelSettings settings, IOException e) {
        Path path = settings.path();
        return new InferenceException(
                InferenceException.Kind.UNAVAILABLE,
                Files.exists(path)
                        ? "the file of model %s cannot be read: %s".formatted(settings.name(), e)
                        : "the file of model %s, %s, does not exist; see juggler.models.%s.path"
                                .formatted(settings.name(), path, settings.name()),
                e);
    }
}
