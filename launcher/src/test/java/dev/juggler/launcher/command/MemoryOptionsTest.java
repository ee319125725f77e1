package dev.juggler.launcher.command;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.config.ConfigurationSources;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Only servers may copy a model while they load it, unless a user asks for it. */
class MemoryOptionsTest {
    private static final String KEY = "juggler.model-defaults.huge-pages";

    @TempDir private Path folder;

    @Test
    void aCommandThatEndsStartsAtOnce() {
        assertEquals("never", hugePages(new MemoryOptions().apply(configured(Map.of()))));
        assertEquals(
                "always", hugePages(new MemoryOptions().apply(configured(Map.of(KEY, "always")))));
    }

    @Test
    void aServerLooksWhatPays() {
        assertEquals("auto", hugePages(new MemoryOptions().applyToServer(configured(Map.of()))));
    }

    private Configuration configured(Map<String, String> overrides) {
        return Configuration.load(
                new ConfigurationSources(null, overrides, Map.of(), folder, folder));
    }

    private static String hugePages(Configuration configuration) {
        return configuration.config().getString(KEY);
    }
}
