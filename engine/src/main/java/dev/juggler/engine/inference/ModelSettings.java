package dev.juggler.engine.inference;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigUtil;
import dev.juggler.engine.experts.ExpertCachePolicies;
import dev.juggler.engine.placement.PlacementException;
import dev.juggler.engine.placement.PlacementRules;
import dev.juggler.inference.InferenceException;
import dev.juggler.kernel.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the configuration says of one model; the keys are described in reference.conf.
 *
 * @param context most tokens of a sequence, or null for what suits the model
 * @param fileMemory how its file is brought into memory and kept there
 * @param keepAlive how long it stays after its last use, or null for ever
 * @param chatTemplate a template instead of the model's own, or null
 */
public record ModelSettings(
        String name,
        Path path,
        @Nullable Integer context,
        int parallel,
        int queue,
        int stepRows,
        DType kvType,
        FileMemory fileMemory,
        @Nullable Duration keepAlive,
        Duration stallTimeout,
        @Nullable String chatTemplate,
        PlacementRules placement) {
    /** The largest context that is chosen where none is configured. */
    static final int AUTO_CONTEXT = 8192;

    private static final String AUTO = "auto";
    private static final String FOREVER = "forever";
    private static final Duration SHARED_KEEP_ALIVE = Duration.ofMinutes(5);
    private static final int MOST_PARALLEL = 4096;
    private static final int MOST_ROWS = 1 << 16;

    /**
     * All models of a configuration, in the order in which it names them.
     *
     * @param root resolved; keys begin with {@code juggler}
     * @throws InferenceException of kind INVALID_REQUEST naming the key, its value and what it must
     *     be
     */
    public static List<ModelSettings> all(Config root) {
        return all(root, ExpertCachePolicies.builtIn());
    }

    /**
     * All models likewise.
     *
     * @param policies by which experts may come and go
     * @throws InferenceException likewise
     */
    public static List<ModelSettings> all(Config root, ExpertCachePolicies policies) {
        Config complete = root.withFallback(reference()).resolve();
        ConfigObject models = complete.getObject("juggler.models");
        Config defaults = complete.getConfig("juggler.model-defaults");
        boolean exact = complete.getBoolean("juggler.exact");
        List<ModelSettings> all = new ArrayList<>();
        for (String name : inOrder(models)) {
            Config own = models.toConfig().getConfig(ConfigUtil.joinPath(name));
            requireKnown(name, own, defaults);
            Reader reader = new Reader(name, own.withFallback(defaults), policies);
            all.add(reader.settings(exact, models.size() == 1));
        }
        return List.copyOf(all);
    }

    /** The context of a sequence of a model that was trained for {@code trained} tokens. */
    int contextFor(int trained) {
        return context == null ? Math.min(trained, AUTO_CONTEXT) : context;
    }

    /** The same with another number of sequences at once. */
    ModelSettings withParallel(int sequences) {
        return new ModelSettings(
                name,
                path,
                context,
                sequences,
                queue,
                Math.max(stepRows, sequences),
                kvType,
                fileMemory,
                keepAlive,
                stallTimeout,
                chatTemplate,
                placement);
    }

    /** The same placed by other rules. */
    ModelSettings withPlacement(PlacementRules rules) {
        return new ModelSettings(
                name,
                path,
                context,
                parallel,
                queue,
                stepRows,
                kvType,
                fileMemory,
                keepAlive,
                stallTimeout,
                chatTemplate,
                rules);
    }

    private static Config reference() {
        return ConfigFactory.parseResources(ModelSettings.class.getClassLoader(), "reference.conf");
    }

    /** Names by the lines on which they stand: a configuration object itself has no order. */
    private static List<String> inOrder(ConfigObject models) {
        List<String> names = new ArrayList<>(new TreeSet<>(models.keySet()));
        names.sort((a, b) -> Integer.compare(line(models, a), line(models, b)));
        return names;
    }

    private static int line(ConfigObject models, String name) {
        return models.toConfig().getValue(ConfigUtil.joinPath(name)).origin().lineNumber();
    }

    private static void requireKnown(String name, Config own, Config defaults) {
        Set<String> known = defaults.root().keySet();
        for (String key : own.root().keySet()) {
            if (!known.contains(key)) {
                throw invalid(
                        "juggler.models.%s.%s is unknown; known are %s"
                                .formatted(name, key, String.join(", ", new TreeSet<>(known))));
            }
        }
    }

    private static InferenceException invalid(String message) {
        return new InferenceException(InferenceException.Kind.INVALID_REQUEST, message);
    }

    /** Reads the keys of one model. */
    private record Reader(String name, Config config, ExpertCachePolicies policies) {
        ModelSettings settings(boolean exact, boolean onlyModel) {
            try {
                int parallel = number("parallel", 1, MOST_PARALLEL);
                return new ModelSettings(
                        name,
                        path(),
                        config.getString("context").equals(AUTO)
                                ? null
                                : Integer.valueOf(number("context", 2, Integer.MAX_VALUE)),
                        parallel,
                        number("queue", 0, 1 << 20),
                        number("step-rows", parallel, MOST_ROWS),
                        exact ? DType.F32 : dtype(),
                        new FileMemory(
                                config.getBoolean("read-ahead"),
                                hugePages(),
                                config.getBoolean("mlock")),
                        keepAlive(onlyModel),
                        config.getDuration("stall-timeout"),
                        chatTemplate(),
                        PlacementRules.parse(config.getConfig("placement"), policies));
            } catch (ConfigException | PlacementException e) {
                throw invalid("juggler.models.%s: %s".formatted(name, e.getMessage()));
            }
        }

        private Path path() {
            if (!config.hasPath("path") || config.getString("path").isBlank()) {
                throw invalid(
                        "juggler.models.%s.path is missing; set it to a GGUF file".formatted(name));
            }
            return Path.of(config.getString("path"));
        }

        private int number(String key, int least, int most) {
            int value = config.getInt(key);
            if (value < least || value > most) {
                throw invalid(
                        "juggler.models.%s.%s is %d, it must be %d to %d"
                                .formatted(name, key, value, least, most));
            }
            return value;
        }

        private DType dtype() {
            String text = config.getString("kv-type").toUpperCase(Locale.ROOT);
            for (DType dtype : DType.values()) {
                if (dtype.name().equals(text)) {
                    return dtype;
                }
            }
            throw invalid(
                    "juggler.models.%s.kv-type is %s, it must be an element type such as f16, f32"
                            .formatted(name, text));
        }

        private FileMemory.HugePages hugePages() {
            String text = config.getString("huge-pages").toUpperCase(Locale.ROOT);
            for (FileMemory.HugePages choice : FileMemory.HugePages.values()) {
                if (choice.name().equals(text)) {
                    return choice;
                }
            }
            throw invalid(
                    "juggler.models.%s.huge-pages is %s, it must be auto, never or always"
                            .formatted(name, config.getString("huge-pages")));
        }

        private @Nullable Duration keepAlive(boolean onlyModel) {
            String text = config.getString("keep-alive");
            if (text.equals(FOREVER) || (text.equals(AUTO) && onlyModel)) {
                return null;
            }
            if (text.equals(AUTO)) {
                return SHARED_KEEP_ALIVE;
            }
            Duration duration = config.getDuration("keep-alive");
            return duration.isNegative() ? null : duration;
        }

        private @Nullable String chatTemplate() {
            if (config.hasPath("chat-template")) {
                return config.getString("chat-template");
            }
            if (!config.hasPath("chat-template-file")) {
                return null;
            }
            String file = config.getString("chat-template-file");
            try {
                return Files.readString(Path.of(file));
            } catch (IOException e) {
                throw invalid(
                        "juggler.models.%s.chat-template-file = %s cannot be read: %s"
                                .formatted(name, file, e));
            }
        }
    }
}
