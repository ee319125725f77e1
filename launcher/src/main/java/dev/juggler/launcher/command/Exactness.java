package dev.juggler.launcher.command;

import dev.juggler.launcher.config.Configuration;
import java.util.Map;

/** What {@code --exact} means: F32 activations on every backend, F32 keys and values. */
final class Exactness {
    private Exactness() {}

    static Configuration apply(Configuration configuration, boolean exact) {
        return exact ? configuration.with(Map.of("juggler.exact", "true")) : configuration;
    }
}
