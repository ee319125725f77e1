package dev.juggler.engine.architecture;

import dev.juggler.engine.gguf.GgufException;
import dev.juggler.engine.gguf.GgufMetadata;
import dev.juggler.engine.model.ModelException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The metadata of one model as its architecture reads them: keys below the architecture's name,
 * values inside stated bounds. Every refusal is a {@link ModelException} that names the key, its
 * value and the file. Keys that were read are remembered, so that {@link #requireAllUnderstood} can
 * refuse a file that asks for something nobody looked at.
 */
public final class ModelKeys {
    /** Keys in these families change what a model computes. */
    private static final List<String> SIGNIFICANT =
            List.of("attention.", "rope.", "expert_", "moe_", "ssm.", "swiglu_", "altup.");

    private static final List<String> SIGNIFICANT_WORDS = List.of("scale", "softcap", "clamp");

    private final GgufMetadata metadata;
    private final String file;
    private final String architecture;
    private final Set<String> read = new HashSet<>();

    /**
     * @param file what errors call the file
     * @param architecture value of {@code general.architecture}, the prefix of the keys
     */
    public ModelKeys(GgufMetadata metadata, String file, String architecture) {
        this.metadata = metadata;
        this.file = file;
        this.architecture = architecture;
    }

    /** Value of {@code general.architecture}. */
    public String architecture() {
        return architecture;
    }

    /** What errors call the file. */
    public String file() {
        return file;
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
                metadata.has(full)
                        ? "%s: metadata key %s is %s, %s"
                                .formatted(file, full, metadata.describe(full), why)
                        : "%s: metadata key %s is missing, %s".formatted(file, full, why));
    }

    /**
     * Refuses a file that sets keys which change what is computed and which nobody has read; a
     * model that ignores them talks nonsense. False and zero ask for nothing.
     */
    void requireAllUnderstood() {
        List<String> unread = new ArrayList<>();
        for (String key : metadata.keys()) {
            String prefix = architecture + ".";
            if (key.startsWith(prefix)
                    && !read.contains(key)
                    && isSignificant(key.substring(prefix.length()))
                    && !asksForNothing(key)) {
                unread.add(key + " = " + metadata.describe(key));
            }
        }
        if (!unread.isEmpty()) {
            throw new ModelException(
                    "%s: architecture %s is not supported with %s"
                            .formatted(file, architecture, String.join(", ", unread)));
        }
    }

    private static boolean isSignificant(String key) {
        return SIGNIFICANT.stream().anyMatch(key::startsWith)
                || SIGNIFICANT_WORDS.stream().anyMatch(key::contains);
    }

    private boolean asksForNothing(String key) {
        return Set.of("false", "0", "0.0", "\"\"", "\"none\"").contains(metadata.describe(key));
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
            throw new ModelException(String.valueOf(e.getMessage()), e);
        }
    }
}
