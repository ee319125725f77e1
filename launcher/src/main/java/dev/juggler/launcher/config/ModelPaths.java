package dev.juggler.launcher.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import com.typesafe.config.ConfigValueType;
import dev.juggler.launcher.Installation;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Makes the paths of models absolute: relative to the file that names them, {@code ~} is home,
 * {@code built-in:NAME} is a model that comes with the installation.
 */
final class ModelPaths {
    private static final String BUILT_IN = "built-in:";

    private ModelPaths() {}

    static Config absolute(Config config, Path folder, Path home) {
        Config result = config;
        ConfigObject models =
                Configuration.object(Configuration.object(config.root(), "juggler"), "models");
        for (String name : models.keySet()) {
            ConfigValue path = Configuration.object(models, name).get("path");
            if (path != null && path.valueType() == ConfigValueType.STRING) {
                String text = String.valueOf(path.unwrapped());
                Path absolute = absolute(text, path.origin().filename(), folder, home);
                result =
                        result.withValue(
                                ConfigUtil.joinPath("juggler", "models", name, "path"),
                                ConfigValueFactory.fromAnyRef(
                                        absolute.normalize().toString(),
                                        path.origin().description()));
            }
        }
        return result;
    }

    private static Path absolute(String text, @Nullable String file, Path folder, Path home) {
        if (text.startsWith(BUILT_IN)) {
            return Installation.builtInModel(text.substring(BUILT_IN.length()));
        }
        if (text.startsWith("~/")) {
            return home.resolve(text.substring(2));
        }
        Path base = file == null ? folder : Path.of(file).toAbsolutePath().resolveSibling("");
        return base.resolve(text);
    }
}
