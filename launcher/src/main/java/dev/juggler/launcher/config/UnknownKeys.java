package dev.juggler.launcher.config;

import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import dev.juggler.engine.text.Suggestions;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Refuses keys that no reference.conf knows. Three places are open: the names of models, each with
 * the keys of {@code juggler.model-defaults}; a model's placement, which its own parser checks; and
 * {@code juggler.variables}, for substitutions.
 */
final class UnknownKeys {
    private static final Set<String> CHECKED_ELSEWHERE = Set.of("placement");

    private final ConfigObject known;
    private final Set<String> refused;

    UnknownKeys(ConfigObject reference, Set<String> refused) {
        this.known = reference;
        this.refused = refused;
    }

    void check(ConfigObject given) {
        requireKnown(
                given,
                Set.of("juggler"),
                "",
                "; put variables of your own under juggler.variables");
        ConfigObject mine = Configuration.object(given, "juggler");
        ConfigObject reference = Configuration.object(known, "juggler");
        Set<String> sections = new TreeSet<>(reference.keySet());
        sections.addAll(Set.of("models", "variables", "backend", "protocol"));
        requireKnown(mine, sections, "juggler.", "");
        for (Map.Entry<String, ConfigValue> section : mine.entrySet()) {
            String path = "juggler." + section.getKey();
            switch (section.getKey()) {
                case "variables" -> {}
                case "models" -> checkModels(section.getValue(), reference);
                case "backend", "protocol" -> checkPlugins(section, reference);
                default -> checkValue(section.getValue(), reference.get(section.getKey()), path);
            }
        }
    }

    private void checkModels(ConfigValue models, ConfigObject reference) {
        if (!(models instanceof ConfigObject named)) {
            throw notAnObject(models, "juggler.models");
        }
        for (Map.Entry<String, ConfigValue> model : named.entrySet()) {
            checkValue(
                    model.getValue(),
                    reference.get("model-defaults"),
                    "juggler.models." + model.getKey());
        }
    }

    private void checkPlugins(Map.Entry<String, ConfigValue> section, ConfigObject reference) {
        String path = "juggler." + section.getKey();
        if (!(section.getValue() instanceof ConfigObject named)) {
            throw notAnObject(section.getValue(), path);
        }
        ConfigObject plugins = Configuration.object(reference, section.getKey());
        Set<String> names = new TreeSet<>(plugins.keySet());
        names.addAll(refused);
        requireKnown(named, names, path + ".", "; is its plugin in the plugins folder?");
        named.forEach((name, value) -> {
            if (!refused.contains(name)) {
                checkValue(value, plugins.get(name), path + "." + name);
            }
        });
    }

    private void checkValue(ConfigValue given, @Nullable ConfigValue reference, String path) {
        if (!(reference instanceof ConfigObject knownKeys)) {
            return;
        }
        if (given.valueType() == ConfigValueType.NULL) {
            return;
        }
        if (!(given instanceof ConfigObject keys)) {
            throw notAnObject(given, path);
        }
        requireKnown(keys, knownKeys.keySet(), path + ".", "");
        keys.forEach((key, value) -> {
            if (!CHECKED_ELSEWHERE.contains(key)) {
                checkValue(value, knownKeys.get(key), path + "." + key);
            }
        });
    }

    private static void requireKnown(
            ConfigObject given, Set<String> known, String prefix, String advice) {
        for (Map.Entry<String, ConfigValue> entry : given.entrySet()) {
            if (!known.contains(entry.getKey())) {
                throw new ConfigurationException(
                        "%s: unknown key %s%s%s%s"
                                .formatted(
                                        Configuration.place(entry.getValue().origin()),
                                        prefix,
                                        entry.getKey(),
                                        Suggestions.sentence(entry.getKey(), known, prefix),
                                        advice));
            }
        }
    }

    private static ConfigurationException notAnObject(ConfigValue value, String path) {
        return new ConfigurationException(
                "%s: %s is %s, it must be a block { ... }"
                        .formatted(Configuration.place(value.origin()), path, value.unwrapped()));
    }
}
