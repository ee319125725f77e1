package dev.juggler.kernel;

import java.util.Map;

/**
 * What the configuration says to a backend.
 *
 * @param device which device to open
 * @param exact whether results matter more than speed ({@code juggler.exact}): activations stay
 *     F32, nothing is rounded that the reference does not round
 * @param values the keys under {@code juggler.backend.NAME}, flattened with dots, values as text
 */
public record BackendOptions(String device, boolean exact, Map<String, String> values) {
    public BackendOptions {
        values = Map.copyOf(values);
    }

    /** Options that only name a device. */
    public static BackendOptions of(String device) {
        return new BackendOptions(device, false, Map.of());
    }

    /** Options of a device, not exact. */
    public static BackendOptions of(String device, Map<String, String> values) {
        return new BackendOptions(device, false, values);
    }

    /** The text at {@code key}, or {@code fallback} where there is none. */
    public String text(String key, String fallback) {
        return values.getOrDefault(key, fallback);
    }

    /**
     * The whole number at {@code key}; {@code auto} and a missing key mean {@code fallback}.
     *
     * @throws BackendException if it is no number in {@code [least, most]}
     */
    public int number(String key, int fallback, int least, int most) {
        String value = values.getOrDefault(key, "auto");
        if (value.equals("auto")) {
            return fallback;
        }
        try {
            int number = Integer.parseInt(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw new BackendException(
                "option %s = \"%s\" is not \"auto\" nor a whole number from %d to %d"
                        .formatted(key, value, least, most));
    }
}
