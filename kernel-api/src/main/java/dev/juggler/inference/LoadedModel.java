package dev.juggler.inference;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A model in memory.
 *
 * @param card the model
 * @param bytesByDevice weights, cache and buffers on each device, in bytes
 * @param context most tokens of a sequence
 * @param expires when it will be unloaded if nobody uses it, or null for never
 * @param loadTime how long loading took
 * @param running sequences in generation
 * @param queued requests that wait
 */
public record LoadedModel(
        ModelCard card,
        Map<String, Long> bytesByDevice,
        int context,
        @Nullable Instant expires,
        Duration loadTime,
        int running,
        int queued) {}
