package dev.juggler.engine.placement;

import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigMemorySize;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import dev.juggler.engine.text.Suggestions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A block of the configuration whose keys are all known. Errors name the place in the file, the
 * key, its value and what it must be.
 *
 * @param path how errors call it, e.g. {@code placement.rules[0]}
 */
record ConfigSection(ConfigObject keys, String path) {

    /** The block, with no key but those in {@code known}. */
    static ConfigSection of(ConfigObject keys, String path, Set<String> known) {
        for (String key : keys.keySet()) {
            if (!known.contains(key)) {
                throw new PlacementException(
                        "%s: unknown key %s.%s%s"
                                .formatted(
                                        valueAt(keys, key).origin().description(),
                                        path,
                                        key,
                                        Suggestions.sentence(key, known, "")));
            }
        }
        return new ConfigSection(keys, path);
    }

    private static ConfigValue valueAt(ConfigObject keys, String key) {
        ConfigValue value = keys.get(key);
        if (value == null) {
            throw new IllegalStateException(key);
        }
        return value;
    }

    String origin() {
        return keys.origin().description();
    }

    /** The value, or null where the key is absent or null. */
    @Nullable ConfigValue value(String key) {
        ConfigValue value = keys.get(key);
        return value == null || value.valueType() == ConfigValueType.NULL ? null : value;
    }

    PlacementException mismatch(String key, String expected) {
        ConfigValue value = valueAt(keys, key);
        return new PlacementException(
                "%s: %s.%s is %s, it must be %s"
                        .formatted(
                                value.origin().description(),
                                path,
                                key,
                                value.unwrapped(),
                                expected));
    }

    /** Runs a parser of the text at {@code key}; what it refuses is told with the place. */
    <T> @Nullable T parsed(String key, Function<String, T> parser) {
        String text = text(key);
        if (text == null) {
            return null;
        }
        try {
            return parser.apply(text);
        } catch (IllegalArgumentException e) {
            throw mismatch(key, String.valueOf(e.getMessage()));
        }
    }

    /** A text, or several as a list or with commas, joined by commas; null where it is absent. */
    @Nullable String text(String key) {
        ConfigValue value = value(key);
        if (value == null) {
            return null;
        }
        List<String> texts = new ArrayList<>();
        for (ConfigValue element : value instanceof ConfigList list ? list : List.of(value)) {
            if (!(element.unwrapped() instanceof String || element.unwrapped() instanceof Number)) {
                throw mismatch(key, "a text or a list of texts");
            }
            texts.add(element.unwrapped().toString().strip());
        }
        String joined = String.join(",", texts);
        if (joined.isEmpty()) {
            throw mismatch(key, "a text that is not empty");
        }
        return joined;
    }

    /** A single text that must be there. */
    String required(String key) {
        String text = text(key);
        if (text == null) {
            throw new PlacementException("%s: %s.%s is missing".formatted(origin(), path, key));
        }
        return text;
    }

    boolean truth(String key, boolean fallback) {
        ConfigValue value = value(key);
        if (value == null) {
            return fallback;
        }
        return switch (value.unwrapped().toString()) {
            case "true", "yes", "on" -> true;
            case "false", "no", "off" -> false;
            default -> throw mismatch(key, "true or false");
        };
    }

    /** A number of bytes, e.g. {@code 6GiB}, at least 1, which must be there. */
    long bytes(String key) {
        required(key);
        try {
            ConfigMemorySize size = keys.toConfig().getMemorySize(key);
            long bytes = size.toBytes();
            if (bytes > 0) {
                return bytes;
            }
        } catch (ConfigException e) {
            // told below
        }
        throw mismatch(key, "a size, e.g. 6GiB");
    }

    /** A whole number of at least 1, or the fallback where it is absent. */
    int positive(String key, int fallback) {
        String text = text(key);
        if (text == null) {
            return fallback;
        }
        try {
            int number = Integer.parseInt(text);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw mismatch(key, "a whole number of at least 1");
    }

    /** A whole number of at least 0, or null where it is absent. */
    @Nullable Integer wholeNumber(String key) {
        String text = text(key);
        if (text == null) {
            return null;
        }
        try {
            int number = Integer.parseInt(text);
            if (number >= 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw mismatch(key, "a whole number of at least 0");
    }

    /** The block at {@code key}, or null where it is absent. */
    @Nullable ConfigSection section(String key, Set<String> known) {
        ConfigValue value = value(key);
        if (value == null) {
            return null;
        }
        if (!(value instanceof ConfigObject object)) {
            throw mismatch(key, "a block { ... }");
        }
        return of(object, path + "." + key, known);
    }

    /** The blocks of the list at {@code key}; none where it is absent. */
    List<ConfigSection> sections(String key, Set<String> known) {
        ConfigValue value = value(key);
        if (value == null) {
            return List.of();
        }
        if (!(value instanceof ConfigList list)) {
            throw mismatch(key, "a list [ { ... }, { ... } ]");
        }
        List<ConfigSection> sections = new ArrayList<>();
        for (ConfigValue element : list) {
            if (!(element instanceof ConfigObject object)) {
                throw mismatch(key, "a list of blocks { ... }");
            }
            sections.add(of(object, "%s.%s[%d]".formatted(path, key, sections.size()), known));
        }
        return sections;
    }
}
