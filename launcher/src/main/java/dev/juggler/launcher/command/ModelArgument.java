package dev.juggler.launcher.command;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigUtil;
import dev.juggler.engine.inference.ModelSettings;
import dev.juggler.engine.text.Suggestions;
import dev.juggler.launcher.Wiring;
import dev.juggler.launcher.config.Configuration;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The MODEL of a command line: the name of a configured model, or the path of a GGUF file.
 *
 * @param name its name in the configuration
 * @param path its file
 * @param configuration the configuration, to which a file has been added as a model
 */
record ModelArgument(String name, Path path, Configuration configuration) {
    /**
     * @param text what the user gave; null: the only, the fallback or the first model
     * @throws UserException if there is no such model and no such file
     */
    static ModelArgument resolve(Configuration configuration, @Nullable String text) {
        Set<String> names = configured(configuration);
        String name = text == null ? preferred(configuration, names) : text;
        if (names.contains(name)) {
            String key = ConfigUtil.joinPath("juggler", "models", name, "path");
            if (!configuration.config().hasPath(key)) {
                throw new UserException(
                        "model %s has no path; set juggler.models.%s.path".formatted(name, name));
            }
            return new ModelArgument(
                    name, Path.of(configuration.config().getString(key)), configuration);
        }
        Path file = Path.of(name);
        if (Files.isRegularFile(file)) {
            String fileName = file.getFileName().toString();
            String stem = fileName.replaceAll("(-\\d{5}-of-\\d{5})?\\.gguf$", "");
            return new ModelArgument(stem, file, configuration.withModel(stem, file));
        }
        if (Files.isDirectory(file)) {
            throw new UserException(name + " is a folder; give the path of a GGUF file", 2);
        }
        throw new UserException(
                "no configured model and no file is called %s%s; ./juggler models lists the models"
                        .formatted(name, Suggestions.sentence(name, names, "")),
                2);
    }

    /** What the complete configuration, to which plugins belong, says of the model. */
    ModelSettings settings(Wiring wiring) {
        return wiring.modelSettings().stream()
                .filter(settings -> settings.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** Names of the configured models. */
    static Set<String> configured(Configuration configuration) {
        Config config = configuration.config();
        return config.hasPath("juggler.models")
                ? new TreeSet<>(config.getObject("juggler.models").keySet())
                : Set.of();
    }

    private static String preferred(Configuration configuration, Set<String> names) {
        String fallback = configuration.config().getString("juggler.server.fallback-model");
        if (names.contains(fallback)) {
            return fallback;
        }
        return names.stream()
                .findFirst()
                .orElseThrow(() -> new UserException("no model is configured", 2));
    }
}
