package dev.juggler.launcher.config;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigOrigin;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import com.typesafe.config.ConfigValueType;
import java.net.URL;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * The resolved configuration. Made in two steps, because plugins bring defaults of their own and
 * the configuration says where plugins are: {@link #load} reads all but those, {@link #withPlugins}
 * adds them and refuses every key that nobody knows.
 */
public final class Configuration {
    private static final String ROOT = "juggler";
    private static final String BUILT_IN = "built-in.conf";

    private final ConfigurationSources sources;
    private final Optional<Path> file;
    private final Config fromFile;
    private final Config core;
    private final Config resolved;

    private Configuration(
            ConfigurationSources sources,
            Optional<Path> file,
            Config fromFile,
            Config core,
            Config reference) {
        this.sources = sources;
        this.file = file;
        this.fromFile = fromFile;
        this.core = core;
        this.resolved = resolve(reference);
    }

    /**
     * Reads file, overrides and the core's defaults. Where the file names no model, the built-in
     * configuration adds the demo model.
     *
     * @throws ConfigurationException if a source cannot be read
     */
    public static Configuration load(ConfigurationSources sources) {
        Optional<Path> file = sources.file();
        Config fromFile =
                file.map(Configuration::parse).orElseGet(() -> ConfigFactory.empty("no file"));
        Config core = coreReference();
        return new Configuration(sources, file, fromFile, core, core);
    }

    /**
     * The same with the defaults of plugins; checks every key.
     *
     * @param references each plugin's reference.conf
     * @param refused names of backends and protocols whose keys are let pass, because their plugin
     *     is there but not in use
     * @throws ConfigurationException if a key is unknown, with the nearest known one
     */
    public Configuration withPlugins(List<URL> references, Set<String> refused) {
        Config reference = core;
        for (URL url : references) {
            reference = reference.withFallback(parse(url));
        }
        Configuration complete = new Configuration(sources, file, fromFile, core, reference);
        UnknownKeys unknown = new UnknownKeys(reference.resolve().root(), refused);
        unknown.check(fromFile.root());
        unknown.check(complete.overrides().root());
        return complete;
    }

    /** The same with overrides that beat all others; keys begin with {@code juggler}. */
    public Configuration with(Map<String, String> more) {
        Map<String, String> overrides = new TreeMap<>(sources.overrides());
        overrides.putAll(more);
        return new Configuration(sources.withOverrides(overrides), file, fromFile, core, core);
    }

    /** The same with one more model, which is a file. */
    public Configuration withModel(String name, Path path) {
        return with(
                Map.of(
                        ConfigUtil.joinPath(ROOT, "models", name, "path"),
                        path.toAbsolutePath().toString()));
    }

    /** The file that was read, if any. */
    public Optional<Path> file() {
        return file;
    }

    /** Everything, resolved; keys begin with {@code juggler}. */
    public Config config() {
        return resolved;
    }

    /** The keys under {@code juggler.SECTION.NAME}, flattened with dots, values as text. */
    public Map<String, String> flattened(String section, String name) {
        String path = ConfigUtil.joinPath(ROOT, section, name);
        Map<String, String> values = new TreeMap<>();
        if (resolved.hasPath(path)) {
            for (Map.Entry<String, ConfigValue> entry : resolved.getConfig(path).entrySet()) {
                values.put(
                        String.join(".", ConfigUtil.splitPath(entry.getKey())),
                        String.valueOf(entry.getValue().unwrapped()));
            }
        }
        return values;
    }

    private Config resolve(Config reference) {
        Config mine = overrides().withFallback(fromEnvironment(reference)).withFallback(fromFile);
        if (!namesAFile(mine)) {
            mine = mine.withFallback(parseResource(BUILT_IN));
        }
        try {
            Config whole = mine.withFallback(reference).resolve();
            return ModelPaths.absolute(whole, sources.folder(), sources.home());
        } catch (ConfigException e) {
            throw new ConfigurationException(
                    "the configuration is not valid: " + e.getMessage(), e);
        }
    }

    /** Whether a model has a file; {@code -D} may set something else of the built-in model. */
    private static boolean namesAFile(Config config) {
        String models = ROOT + ".models";
        if (!config.hasPath(models)) {
            return false;
        }
        return config.getObject(models).keySet().stream()
                .anyMatch(
                        name -> config.hasPath(ConfigUtil.joinPath(ROOT, "models", name, "path")));
    }

    private Config overrides() {
        Map<String, Object> values = new LinkedHashMap<>(sources.overrides());
        try {
            Config parsed = ConfigFactory.empty("-D");
            for (Map.Entry<String, Object> entry : values.entrySet()) {
                parsed =
                        parsed.withValue(
                                entry.getKey(),
                                overrideValue(entry.getKey(), String.valueOf(entry.getValue())));
            }
            return parsed;
        } catch (ConfigException e) {
            throw new ConfigurationException("-D cannot be read: " + e.getMessage(), e);
        }
    }

    /** An override may be any HOCON value: {@code -Djuggler.models.m.placement.rules=[{...}]}. */
    private static ConfigValue overrideValue(String key, String text) {
        String origin = "-D" + key;
        if (text.startsWith("[") || text.startsWith("{")) {
            return ConfigFactory.parseString(
                            "value = " + text,
                            ConfigParseOptions.defaults().setOriginDescription(origin))
                    .getValue("value");
        }
        return ConfigValueFactory.fromAnyRef(text, origin);
    }

    /** {@code juggler.server.fallback-model} is overridden by JUGGLER_SERVER_FALLBACK_MODEL. */
    private Config fromEnvironment(Config reference) {
        Config parsed = ConfigFactory.empty("environment");
        for (Map.Entry<String, ConfigValue> entry : reference.resolve().entrySet()) {
            String key = String.join(".", ConfigUtil.splitPath(entry.getKey()));
            String variable = key.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
            String value = sources.environment().get(variable);
            if (value != null) {
                parsed =
                        parsed.withValue(
                                entry.getKey(),
                                ConfigValueFactory.fromAnyRef(value, "environment " + variable));
            }
        }
        return parsed;
    }

    private static Config coreReference() {
        return ConfigFactory.parseResourcesAnySyntax(
                Configuration.class.getClassLoader(), "reference");
    }

    private static Config parseResource(String name) {
        return ConfigFactory.parseResources(Configuration.class.getClassLoader(), name);
    }

    private static Config parse(Path file) {
        try {
            return ConfigFactory.parseFile(
                    file.toFile(), ConfigParseOptions.defaults().setAllowMissing(false));
        } catch (ConfigException e) {
            throw new ConfigurationException("%s: %s".formatted(file, e.getMessage()), e);
        }
    }

    private static Config parse(URL reference) {
        try {
            return ConfigFactory.parseURL(reference);
        } catch (ConfigException e) {
            throw new ConfigurationException(
                    "the defaults of a plugin are not valid: %s: %s"
                            .formatted(reference, e.getMessage()),
                    e);
        }
    }

    /** Where a value stands, for people. */
    static String place(ConfigOrigin origin) {
        return origin.description();
    }

    /** The object at a key, or an empty one. */
    static ConfigObject object(ConfigObject parent, String key) {
        ConfigValue value = parent.get(key);
        return value != null && value.valueType() == ConfigValueType.OBJECT
                ? (ConfigObject) value
                : ConfigFactory.empty().root();
    }
}
