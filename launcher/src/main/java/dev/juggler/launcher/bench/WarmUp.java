package dev.juggler.launcher.bench;

import java.util.function.LongSupplier;

/**
 * Runs that are not counted, until one is hardly faster than the one before: meanwhile the JVM
 * compiles what is hot, and on few cores that takes longer than one run of a test.
 */
final class WarmUp {
    /** What another run must gain for a further one. */
    private static final double HARDLY_FASTER = 0.95;

    private static final int MOST_RUNS = 8;
    private static final long MOST_NANOS = 30_000_000_000L;

    private WarmUp() {}

    static void of(Runnable run) {
        of(run, System::nanoTime);
    }

    /**
     * As {@link #of(Runnable)}.
     *
     * @param clock nanoseconds
     */
    static void of(Runnable run, LongSupplier clock) {
        long first = clock.getAsLong();
        long start = first;
        long before = Long.MAX_VALUE;
        for (int i = 0; i < MOST_RUNS && start - first < MOST_NANOS; i++) {
            run.run();
            long end = clock.getAsLong();
            if (end - start > HARDLY_FASTER * before) {
                return;
            }
            before = end - start;
            start = end;
        }
    }
}
