package dev.juggler.ollama;

import dev.juggler.protocol.json.JsonFields;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Ollama's {@code keep_alive}: seconds as a number, or a duration of Go's {@code ParseDuration}
 * such as {@code 5m}, {@code 1h30m} or {@code -1}; negative means for ever.
 */
final class KeepAlive {
    private static final Pattern PART =
            Pattern.compile("(\\d+\\.?\\d*|\\.\\d+)(ns|us|µs|ms|s|m|h)");
    private static final Pattern WHOLE =
            Pattern.compile("[+-]?(" + PART.pattern() + "){1,8}", Pattern.UNICODE_CASE);
    private static final Pattern SECONDS = Pattern.compile("[+-]?\\d{1,15}(\\.\\d{1,9})?");

    private static final Map<String, Long> NANOSECONDS =
            Map.of(
                    "ns", 1L,
                    "us", 1_000L,
                    "µs", 1_000L,
                    "ms", 1_000_000L,
                    "s", 1_000_000_000L,
                    "m", 60_000_000_000L,
                    "h", 3_600_000_000_000L);

    private static final Duration FOR_EVER = Duration.ofSeconds(-1);

    /** A hundred years: longer would overflow a date. */
    private static final Duration LONGEST = Duration.ofDays(36525);

    private KeepAlive() {}

    /** The duration, negative for ever, or null if it is not given. */
    static @Nullable Duration read(JsonFields body) {
        JsonNode node = body.node("keep_alive");
        if (node == null) {
            return null;
        }
        if (node.isNumber()) {
            return limited(node.doubleValue() * 1e9);
        }
        if (!node.isString()) {
            throw body.wrongType("keep_alive", "a duration such as \"5m\" or seconds", node);
        }
        String text = node.stringValue().strip();
        if (text.length() > 64) {
            throw body.error("keep_alive", "is too long");
        }
        if (SECONDS.matcher(text).matches()) {
            return limited(Double.parseDouble(text) * 1e9);
        }
        if (!WHOLE.matcher(text).matches()) {
            throw body.error(
                    "keep_alive",
                    "is '%s', it must be a duration such as \"5m\" or \"1h30m\", or seconds"
                            .formatted(text));
        }
        BigDecimal sum = BigDecimal.ZERO;
        Matcher parts = PART.matcher(text);
        while (parts.find()) {
            Long unit = NANOSECONDS.getOrDefault(parts.group(2), 0L);
            sum = sum.add(new BigDecimal(parts.group(1)).multiply(BigDecimal.valueOf(unit)));
        }
        return limited(text.startsWith("-") ? -sum.doubleValue() : sum.doubleValue());
    }

    private static Duration limited(double nanoseconds) {
        if (nanoseconds < 0) {
            return FOR_EVER;
        }
        return nanoseconds >= LONGEST.toNanos() ? LONGEST : Duration.ofNanos((long) nanoseconds);
    }
}
