package dev.juggler.launcher.command;

import dev.juggler.launcher.config.Configuration;
import dev.juggler.launcher.config.ConfigurationSources;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** Options that every command has. */
final class CommonOptions {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description =
                    "configuration file; else ./juggler.conf, else ~/.config/juggler/juggler.conf")
    private @Nullable Path file;

    @Option(
            names = "-D",
            paramLabel = "KEY=VALUE",
            mapFallbackValue = "true",
            description = "set a configuration key, e.g. -Djuggler.server.port=8080")
    private Map<String, String> overrides = new LinkedHashMap<>();

    @Option(
            names = {"-v", "--verbose"},
            description = "log more, and show where errors come from")
    private boolean verbose;

    /** The configuration without the defaults of plugins. */
    Configuration configuration() {
        if (verbose) {
            Logging.beVerbose();
        }
        for (String key : overrides.keySet()) {
            if (!key.startsWith("juggler.")) {
                throw new UserException(
                        "-D%s: keys begin with juggler., e.g. -Djuggler.server.port=8080"
                                .formatted(key),
                        2);
            }
        }
        return Configuration.load(ConfigurationSources.ofProcess(file, overrides));
    }

    /** Whether the user of a command asked for more detail. */
    static boolean isVerbose(CommandLine command) {
        CommandLine.ParseResult parsed = command.getParseResult();
        return parsed != null && parsed.hasMatchedOption("--verbose");
    }
}
