package dev.juggler.engine.architecture;

import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufMetadata;
import dev.juggler.engine.model.ModelException;
import dev.juggler.engine.model.ModelProblem.Kind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The metadata of one model as its architecture reads them: keys below the architecture's name,
 * values inside stated bounds. Every refusal is a {@link ModelException} that names the key, its
 * value and the file. Keys that were read are remembered, so that {@link #requireAllUnderstood} can
 * refuse a file that asks for something nobody looked at.
 */
public final class ModelKeys {
    /** Keys that change nothing that is computed, whatever they say, and why. */
    private static final Map<String, String> HARMLESS =
            new TreeMap<>(
                    Map.of(
                            "context_length", "what it was trained for is a limit, no mathematics",
                            "vocab_size", "the embeddings have as many rows as there are tokens",
                            "tensor_data_layout", "tells how the file was made",
                            "feed_forward_length", "no layer is dense where it is not read",
                            "pooling_type", "how embeddings of whole texts are made of rows",
                            "rope.scaling.finetuned", "tells how the model was made",
                            "rope.scaling.original_context_length", "only YaRN needs it",
                            "attention.layer_norm_epsilon", "all norms here are RMS norms"));

    /** A text in a key that says none of this is a note. */
    private static final List<String> SIGNIFICANT_WORDS =
            List.of("attention", "rope", "expert", "moe", "act", "type", "func", "norm", "mode");

    private final GgufMetadata metadata;
    private final Path file;
    private final String architecture;
    private final Set<String> read = new HashSet<>();

    /**
     * @param file what errors call the file
     * @param architecture value of {@code general.architecture}, the prefix of the keys
     */
    public ModelKeys(GgufMetadata metadata, Path file, String architecture) {
        this.metadata = metadata;
        this.file = file;
        this.architecture = architecture;
    }

    /** Value of {@code general.architecture}. */
    public String architecture() {
        return architecture;
    }

    /** What errors call the file. */
    public Path file() {
        return file;
    }

    /** What the file says that it holds: {@code model}, {@code adapter}, {@code mmproj}... */
    public String fileType() {
        return access(() -> metadata.string("general.type", "model"));
    }

    /** Tokens that the model was trained for; {@code fallback} where the file does not say. */
    public int contextLength(int fallback) {
        return integer("context_length", fallback, 1, Integer.MAX_VALUE);
    }

    /** Experts of a layer that a token is sent to; 0 where there are none. */
    public int expertsUsed() {
        return integer("expert_used_count", 0, 0, DecoderShape.MOST_EXPERTS);
    }

    /** Whether there is a value, of whatever type. */
    boolean has(String key) {
        return metadata.has(full(key));
    }

    /** A whole number that must be there. */
    int integer(String key, int least, int most) {
        String full = full(key);
        long value = access(() -> metadata.integer(full));
        if (value < least || value > most) {
            throw refuse(key, "expected %d to %d".formatted(least, most));
        }
        return (int) value;
    }

    /** A whole number, or {@code fallback} where the key is absent. */
    int integer(String key, int fallback, int least, int most) {
        return has(key) ? integer(key, least, most) : fallback;
    }

    /** A whole number that files may also repeat for each layer, if it is the same for all. */
    int sameForAllLayers(String key, int layers, int fallback, int least, int most) {
        String full = full(key);
        int[] values = access(() -> metadata.perLayer(full, layers, fallback));
        for (int value : values) {
            if (value < least || value > most) {
                throw refuse(key, "expected %d to %d".formatted(least, most));
            }
            if (value != values[0]) {
                throw refuse(key, "layers that differ in this are not supported");
            }
        }
        return values[0];
    }

    /** A number that must be there. */
    double number(String key, double least, double most) {
        String full = full(key);
        double value = access(() -> metadata.float32(full));
        if (!(value >= least && value <= most)) {
            throw refuse(key, "expected %s to %s".formatted(least, most));
        }
        return value;
    }

    /** A number, or {@code fallback} where the key is absent. */
    double number(String key, double fallback, double least, double most) {
        return has(key) ? number(key, least, most) : fallback;
    }

    /** A truth value, or {@code fallback} where the key is absent. */
    boolean flag(String key, boolean fallback) {
        String full = full(key);
        return access(() -> metadata.bool(full, fallback));
    }

    /** A text, or {@code fallback} where the key is absent. */
    String text(String key, String fallback) {
        String full = full(key);
        return access(() -> metadata.string(full, fallback));
    }

    /** An error about the value of a key. */
    ModelException refuse(String key, String why) {
        String full = full(key);
        return new ModelException(
                Kind.METADATA,
                file,
                metadata.has(full)
                        ? "metadata key %s is %s, %s".formatted(full, metadata.describe(full), why)
                        : "metadata key %s is missing, %s".formatted(full, why));
    }

    /**
     * Refuses a file that sets keys which nobody has read: they would change what is computed, and
     * a model that ignores them talks nonsense. False, zero and factors of one ask for nothing;
     * {@link #harmless} keys and notes in words change nothing.
     */
    void requireAllUnderstood() {
        List<String> unread = new ArrayList<>();
        for (String key : metadata.keys()) {
            String prefix = architecture + ".";
            if (key.startsWith(prefix)
                    && !read.contains(key)
                    && isSignificant(key.substring(prefix.length()), key)
                    && !asksForNothing(key)) {
                unread.add(key + " = " + metadata.describe(key));
            }
        }
        if (!unread.isEmpty()) {
            throw new ModelException(
                    Kind.METADATA,
                    file,
                    "architecture %s is not supported with %s"
                            .formatted(architecture, String.join(", ", unread)));
        }
    }

    /** Keys below any architecture that may be left unread, with the reason. */
    static Map<String, String> harmless() {
        return Collections.unmodifiableMap(HARMLESS);
    }

    private boolean isSignificant(String key, String full) {
        return !HARMLESS.containsKey(key)
                && (!metadata.isText(full) || SIGNIFICANT_WORDS.stream().anyMatch(key::contains));
    }

    private boolean asksForNothing(String key) {
        String value = metadata.describe(key);
        return Set.of("false", "0", "0.0", "\"\"", "\"none\"").contains(value)
                || (key.matches(".*(scal|factor).*") && Set.of("1", "1.0").contains(value));
    }

    private String full(String key) {
        String full = architecture + "." + key;
        read.add(full);
        return full;
    }

    private <T> T access(Supplier<T> value) {
        try {
            return value.get();
        } catch (GgufException e) {
            throw new ModelException(Kind.METADATA, e.file(), e.problem(), e);
        }
    }
}
