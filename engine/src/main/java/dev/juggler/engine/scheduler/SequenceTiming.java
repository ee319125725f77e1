package dev.juggler.engine.scheduler;

import java.time.Duration;

/**
 * Moments in the life of a sequence, as {@link System#nanoTime} tells them; 0: not yet.
 *
 * @param submitted it was put into the queue
 * @param admitted it got its pages and its place in the steps
 * @param firstToken its first token was chosen
 * @param lastToken its last token was chosen
 */
public record SequenceTiming(long submitted, long admitted, long firstToken, long lastToken) {
    /** How long it waited for its place. */
    public Duration queued() {
        return between(submitted, admitted == 0 ? System.nanoTime() : admitted);
    }

    /** From its place to its first token. */
    public Duration prompt() {
        if (admitted == 0) {
            return Duration.ZERO;
        }
        return between(admitted, firstToken == 0 ? System.nanoTime() : firstToken);
    }

    /** From the first token to the last. */
    public Duration generation() {
        return firstToken == 0 ? Duration.ZERO : between(firstToken, lastToken);
    }

    private static Duration between(long from, long to) {
        return Duration.ofNanos(Math.max(0, to - from));
    }
}
