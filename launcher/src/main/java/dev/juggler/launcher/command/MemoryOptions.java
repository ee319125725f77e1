package dev.juggler.launcher.command;

import dev.juggler.launcher.config.Configuration;
import java.util.Map;
import picocli.CommandLine.Option;

/** Options of commands that load models, about the memory that these take. */
final class MemoryOptions {
    @Option(
            names = "--mlock",
            description = "lock models in memory, so that they are never swapped out or dropped")
    private boolean lock;

    Configuration apply(Configuration configuration) {
        return lock
                ? configuration.with(Map.of("juggler.model-defaults.mlock", "true"))
                : configuration;
    }
}
