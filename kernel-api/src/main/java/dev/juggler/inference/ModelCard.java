package dev.juggler.inference;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a configured model without loading its weights.
 *
 * @param name its name in the configuration and in replies
 * @param path its (first) file
 * @param bytes size of all its files
 * @param digest lower-case SHA-256 of what identifies the file, for clients that show one
 * @param modified when the file was last changed
 * @param family architecture, e.g. {@code qwen3moe}
 * @param parameters number of weights
 * @param quantization the main weight type, e.g. {@code Q4_K_M}
 * @param context most tokens of a sequence, prompt and answer, as configured
 * @param trainedContext the model's own limit
 * @param embeddingWidth width of the hidden state
 * @param chatTemplate the Jinja template, or null if it has none
 * @param capabilities of {@code completion}, {@code tools}, {@code thinking}
 * @param metadata the file's metadata; long arrays are left out
 * @param tensors name, type and shape of each tensor
 */
public record ModelCard(
        String name,
        Path path,
        long bytes,
        String digest,
        Instant modified,
        String family,
        long parameters,
        String quantization,
        int context,
        int trainedContext,
        int embeddingWidth,
        @Nullable String chatTemplate,
        List<String> capabilities,
        Map<String, Object> metadata,
        List<TensorCard> tensors) {

    /** One tensor of a model's file, shape as in the file (fastest dimension first). */
    public record TensorCard(String name, String type, List<Long> shape) {}
}
