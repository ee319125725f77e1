package dev.juggler.launcher.command;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigUtil;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** {@code --placement FILE.conf}: {@code rules} and {@code default}, or a block that holds them. */
final class PlacementFile {
    private PlacementFile() {}

    /** The model with the placement of the file, or as it is if there is none. */
    static ModelArgument apply(ModelArgument model, @Nullable Path file) {
        if (file == null) {
            return model;
        }
        if (!Files.isReadable(file)) {
            throw new UserException("--placement %s: no such file can be read".formatted(file), 2);
        }
        try {
            Config read = ConfigFactory.parseFile(file.toFile()).resolve();
            Config placement = read.hasPath("placement") ? read.getConfig("placement") : read;
            String key = ConfigUtil.joinPath("juggler", "models", model.name(), "placement");
            return new ModelArgument(
                    model.name(),
                    model.path(),
                    model.configuration()
                            .with(
                                    Map.of(
                                            key,
                                            placement
                                                    .root()
                                                    .render(ConfigRenderOptions.concise()))));
        } catch (ConfigException e) {
            throw new UserException("--placement %s: %s".formatted(file, e.getMessage()), 2);
        }
    }
}
