package dev.juggler.engine.inference;

import dev.juggler.engine.scheduler.SequenceTiming;
import dev.juggler.inference.Usage;
import java.time.Duration;

/**
 * The part of a request's time that passes outside of the scheduler.
 *
 * @param submitted when it came, in the terms of {@link System#nanoTime}
 * @param load how long it waited for the model
 */
record RequestClock(long submitted, Duration load) {
    /** What the request has cost until now. */
    Usage usage(int promptTokens, int generatedTokens, SequenceTiming timing) {
        return new Usage(
                promptTokens,
                0,
                generatedTokens,
                Duration.ofNanos(System.nanoTime() - submitted),
                load,
                timing.queued(),
                timing.prompt(),
                timing.generation());
    }
}
