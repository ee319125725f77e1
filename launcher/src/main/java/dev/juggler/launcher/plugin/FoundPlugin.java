package dev.juggler.launcher.plugin;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One plugin of the drop-in folder and what became of it.
 *
 * @param id its identifier, or the file's name where it has none that can be read
 * @param version its version, or empty
 * @param path where it is
 * @param provides what it offers: {@code backend cpu-simd}, {@code protocol openai}, {@code expert
 *     cache policy acme}
 * @param refusal why it is not used, or null
 */
public record FoundPlugin(
        String id, String version, Path path, List<String> provides, @Nullable String refusal) {
    public FoundPlugin {
        provides = List.copyOf(provides);
    }

    /** True if it is in use. */
    public boolean isUsed() {
        return refusal == null;
    }
}
