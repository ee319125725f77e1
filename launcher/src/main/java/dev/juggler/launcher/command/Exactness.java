package dev.juggler.launcher.command;

import dev.juggler.launcher.config.Configuration;
import java.util.Map;

/** What {@code --exact} means: every backend computes with F32 activations, keys and values. */
final class Exactness {
    private Exactness() {}

    static Configuration apply(Configuration configuration, boolean exact) {
        return exact
                ? configuration.with(
                        Map.of(
                                "juggler.model-defaults.exact", "true"))
                : configuration;
    }
}
