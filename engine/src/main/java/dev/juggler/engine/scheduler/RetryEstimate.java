package dev.juggler.engine.scheduler;

import java.time.Duration;

/** Guesses when a place in the queue will be free, from how long requests took lately. */
final class RetryEstimate {
    private static final double WEIGHT_OF_LATEST = 0.2;
    private static final double UNKNOWN = 2;
    private static final double MOST = 300;

    private double seconds = UNKNOWN;

    /** A request is done. */
    void finished(SequenceTiming timing) {
        double took = timing.prompt().plus(timing.generation()).toNanos() / 1e9;
        seconds += WEIGHT_OF_LATEST * (took - seconds);
    }

    /** Whole seconds, at least one, until a queue of {@code waiting} has moved on by one place. */
    Duration estimate(int waiting, int parallel) {
        // The queue empties at parallel requests each `seconds`; half of it gone is a good moment.
        double wait = seconds * (1 + waiting / 2.0) / parallel;
        return Duration.ofSeconds((long) Math.ceil(Math.min(Math.max(wait, 1), MOST)));
    }
}
