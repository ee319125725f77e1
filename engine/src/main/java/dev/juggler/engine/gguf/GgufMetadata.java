package dev.juggler.engine.gguf;

import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The key-value pairs of a GGUF file, in file order, with typed access. Every accessor that finds
 * no value or one of another type throws a {@link GgufException} naming file, key, value and the
 * expected type; accessors with a fallback use it only where the key is absent. Arrays are decoded
 * at each call from the file, which must be open.
 */
public final class GgufMetadata {
    /** A value as the header reader gives it, with its type and place. */
    record Entry(GgufValueType type, Object value, long offset) {}

    private final Path file;
    private final Map<String, Entry> entries;

    GgufMetadata(Path file, Map<String, Entry> entries) {
        this.file = file;
        this.entries = Collections.unmodifiableMap(entries);
    }

    /** All keys, in file order. */
    public Set<String> keys() {
        return entries.keySet();
    }

    /** Whether there is a value of any type. */
    public boolean has(String key) {
        return entries.containsKey(key);
    }

    /** Whether the value is a text. */
    public boolean isText(String key) {
        return entry(key).value instanceof String;
    }

    /** A text. */
    public String string(String key) {
        Entry entry = entry(key);
        if (entry.value instanceof String text) {
            return text;
        }
        throw mismatch(key, entry, "a string");
    }

    /** A text, or null where the key is absent. */
    public @Nullable String stringOrNull(String key) {
        return has(key) ? string(key) : null;
    }

    /** A text. */
    public String string(String key, String fallback) {
        return has(key) ? string(key) : fallback;
    }

    /** An integer of any of the eight types. */
    public long integer(String key) {
        Entry entry = entry(key);
        if (entry.value instanceof Long number) {
            return number;
        }
        throw mismatch(key, entry, "an integer below 2^63");
    }

    /** An integer of any of the eight types. */
    public long integer(String key, long fallback) {
        return has(key) ? integer(key) : fallback;
    }

    /** An integer from 0 to 2^31 - 1: a width, a number of layers, a token id. */
    public int count(String key) {
        long number = integer(key);
        if (number >= 0 && number <= Integer.MAX_VALUE) {
            return (int) number;
        }
        throw mismatch(key, entry(key), "an integer from 0 to 2^31 - 1");
    }

    /** An integer from 0 to 2^31 - 1; the fallback may be any. */
    public int count(String key, int fallback) {
        return has(key) ? count(key) : fallback;
    }

    /** A number; float64 and integers are rounded. */
    public float float32(String key) {
        Entry entry = entry(key);
        if (entry.value instanceof Number number) {
            return number.floatValue();
        }
        throw mismatch(key, entry, "a number");
    }

    /** A number; float64 and integers are rounded. */
    public float float32(String key, float fallback) {
        return has(key) ? float32(key) : fallback;
    }

    /** A truth value. */
    public boolean bool(String key) {
        Entry entry = entry(key);
        if (entry.value instanceof Boolean truth) {
            return truth;
        }
        throw mismatch(key, entry, "a bool");
    }

    /** A truth value. */
    public boolean bool(String key, boolean fallback) {
        return has(key) ? bool(key) : fallback;
    }

    /** An array of texts; bytes that are no UTF-8 become U+FFFD. */
    public List<String> strings(String key) {
        GgufArray array = array(key, "an array of strings");
        if (array.element() == GgufValueType.STRING) {
            return array.strings();
        }
        throw mismatch(key, entry(key), "an array of strings");
    }

    /** An array of numbers; float64 and integers are rounded. */
    public float[] floats(String key) {
        String expected = "an array of numbers";
        GgufArray array = array(key, expected);
        float[] floats = new float[array.count()];
        for (int i = 0; i < floats.length; i++) {
            if (!(array.element().isFixed() && array.scalar(i) instanceof Number number)) {
                throw mismatch(key, entry(key), expected);
            }
            floats[i] = number.floatValue();
        }
        return floats;
    }

    /** An array of integers of any of the eight types, each within 32 bits. */
    public int[] integers(String key) {
        String expected = "an array of integers";
        GgufArray array = array(key, expected);
        int[] integers = new int[array.count()];
        for (int i = 0; i < integers.length; i++) {
            if (!array.element().isInteger()) {
                throw mismatch(key, entry(key), expected);
            }
            if (!(array.scalar(i) instanceof Long number) || number != number.intValue()) {
                throw new GgufException(
                        file,
                        array.offset(i),
                        "element %d of metadata key %s is %s, expected an integer of 32 bits"
                                .formatted(i, key, array.scalar(i)));
            }
            integers[i] = number.intValue();
        }
        return integers;
    }

    /**
     * One integer per layer: an array of exactly {@code layers}, or one integer that holds for all.
     */
    public int[] perLayer(String key, int layers) {
        if (entry(key).value instanceof GgufArray array) {
            if (array.count() == layers) {
                return integers(key);
            }
            throw mismatch(key, entry(key), "one integer for each of %d layers".formatted(layers));
        }
        long number = integer(key);
        if (number != (int) number) {
            throw mismatch(key, entry(key), "an integer of 32 bits");
        }
        int[] integers = new int[layers];
        Arrays.fill(integers, (int) number);
        return integers;
    }

    /** One integer per layer, the same for all where the key is absent. */
    public int[] perLayer(String key, int layers, int fallback) {
        if (has(key)) {
            return perLayer(key, layers);
        }
        int[] integers = new int[layers];
        Arrays.fill(integers, fallback);
        return integers;
    }

    /**
     * Everything as plain objects: Long (BigInteger beyond its range), Float, Double, Boolean,
     * String and Lists of these. This decodes whole vocabularies.
     */
    public Map<String, Object> asMap() {
        return asMap(Integer.MAX_VALUE);
    }

    /** Like {@link #asMap()}, without arrays of more than {@code longestArray} elements. */
    public Map<String, Object> asMap(int longestArray) {
        Map<String, Object> map = new LinkedHashMap<>();
        entries.forEach((key, entry) -> {
            if (!(entry.value instanceof GgufArray array)) {
                map.put(key, entry.value);
            } else if (array.count() <= longestArray) {
                map.put(key, array.toList());
            }
        });
        return Collections.unmodifiableMap(map);
    }

    /** A value as people want to see it: texts and arrays shortened to about one line. */
    public String describe(String key) {
        Entry entry = entry(key);
        return switch (entry.value) {
            case String text -> "\"" + shorten(text.replace("\n", "\\n")) + "\"";
            case GgufArray array when array.count() > 16 -> array.toString();
            case GgufArray array -> shorten(array.toList().toString());
            case BigInteger number -> number.toString();
            default -> String.valueOf(entry.value);
        };
    }

    private static String shorten(String text) {
        int most = 80;
        return text.length() <= most ? text : text.substring(0, most) + "...";
    }

    private Entry entry(String key) {
        Entry entry = entries.get(key);
        if (entry == null) {
            throw new GgufException(
                    file, GgufException.NOWHERE, "metadata key %s is missing".formatted(key));
        }
        return entry;
    }

    private GgufArray array(String key, String expected) {
        Entry entry = entry(key);
        if (entry.value instanceof GgufArray array) {
            return array;
        }
        throw mismatch(key, entry, expected);
    }

    private GgufException mismatch(String key, Entry entry, String expected) {
        String type = entry.value instanceof GgufArray ? "" : entry.type + " ";
        return new GgufException(
                file,
                entry.offset,
                "metadata key %s is %s%s, expected %s"
                        .formatted(key, type, describe(key), expected));
    }
}
