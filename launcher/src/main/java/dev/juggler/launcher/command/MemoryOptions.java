package dev.juggler.launcher.command;

import dev.juggler.launcher.config.Configuration;
import java.util.HashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/** Options of commands that load models, about the memory that these take. */
final class MemoryOptions {
    private static final String HUGE_PAGES = "juggler.model-defaults.huge-pages";

    @Option(
            names = "--mlock",
            description = "lock models in memory, so that they are never swapped out or dropped")
    private boolean lock;

    /** For a command that answers soon and ends: copying a model first would not pay. */
    Configuration apply(Configuration configuration) {
        Map<String, String> settings = locking();
        if (configuration.config().getString(HUGE_PAGES).equals("auto")) {
            settings.put(HUGE_PAGES, "never");
        }
        return settings.isEmpty() ? configuration : configuration.with(settings);
    }

    /** For a server. */
    Configuration applyToServer(Configuration configuration) {
        return lock ? configuration.with(locking()) : configuration;
    }

    private Map<String, String> locking() {
        Map<String, String> settings = new HashMap<>();
        if (lock) {
            settings.put("juggler.model-defaults.mlock", "true");
        }
        return settings;
    }
}
