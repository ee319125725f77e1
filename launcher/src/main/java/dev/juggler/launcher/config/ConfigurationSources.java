package dev.juggler.launcher.config;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a configuration is made of, strongest first: overrides ({@code -D} on the command line or of
 * the JVM), environment, file, the reference.conf of every module.
 *
 * @param named the file given by {@code --config}, or null to search
 * @param overrides {@code juggler.*} keys
 * @param environment environment variables, of which those that begin with {@code JUGGLER_} count
 * @param folder the working directory, where juggler.conf is looked for first
 * @param home the user's home directory
 */
public record ConfigurationSources(
        @Nullable Path named,
        Map<String, String> overrides,
        Map<String, String> environment,
        Path folder,
        Path home) {
    /** The sources of this process. */
    public static ConfigurationSources ofProcess(
            @Nullable Path named, Map<String, String> commandLine) {
        Map<String, String> overrides = new TreeMap<>();
        Properties properties = System.getProperties();
        for (String name : properties.stringPropertyNames()) {
            if (name.startsWith("juggler.")) {
                overrides.put(name, properties.getProperty(name));
            }
        }
        overrides.putAll(commandLine);
        return new ConfigurationSources(
                named,
                overrides,
                System.getenv(),
                Path.of("").toAbsolutePath(),
                Path.of(System.getProperty("user.home")));
    }

    ConfigurationSources withOverrides(Map<String, String> others) {
        return new ConfigurationSources(named, others, environment, folder, home);
    }

    /**
     * The configuration file, if there is one.
     *
     * @throws ConfigurationException if a file was named and is not there
     */
    Optional<Path> file() {
        if (named != null) {
            if (!Files.isReadable(named)) {
                throw new ConfigurationException(
                        "--config %s: no such file can be read".formatted(named));
            }
            return Optional.of(named);
        }
        return List.of(
                        folder.resolve("juggler.conf"),
                        home.resolve(".config").resolve("juggler").resolve("juggler.conf"))
                .stream()
                .filter(Files::isReadable)
                .findFirst();
    }
}
