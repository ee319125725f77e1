package dev.juggler.backend.cpusimd;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Decides between the scalar and the vector form of one loop, which give the same numbers.
 *
 * <p>Vector code is a hundred times slower than the scalar loop until the optimizing compiler has
 * done it, which takes hundreds of calls and then some tenths of a second. So the scalar form does
 * the work at first, the vector form gets a small share of it for the compiler to learn from, and
 * as soon as it is faster it gets all. The work itself is the measurement; nothing runs besides.
 *
 * <p>A compiler that has to share its core may take long. So the scalar form is never chosen for
 * good: after a while the vector form is just tried less.
 */
final class WarmSwitch {
    /** At first the vector form gets one part of time and the scalar form so many. */
    private static final int SHARE = 3;

    /** And so many after a while: what is lost if vectors never become faster. */
    private static final int LATER_SHARE = 50;

    /** So many vector calls in a row must be faster than the scalar average. */
    private static final int CONVINCING = 12;

    /** So many vector calls, or so much time of them, are a while. */
    private static final int MOST_CALLS = 60_000;

    private static final long MOST_NANOS = 4_000_000_000L;

    private final AtomicLong scalarNanos = new AtomicLong();
    private final AtomicLong scalarUnits = new AtomicLong();
    private final AtomicLong vectorNanos = new AtomicLong();
    private final AtomicInteger vectorCalls = new AtomicInteger();
    private final AtomicInteger convincing = new AtomicInteger();

    private volatile int share = SHARE;
    private volatile boolean decided;

    /** True once the vector form has won: there is nothing to measure any more. */
    boolean isDecided() {
        return decided;
    }

    /** Whether the next call should use the vector form. */
    boolean useVector() {
        return decided || vectorNanos.get() * share <= scalarNanos.get();
    }

    /** Learns what a call took. Called by several workers at once; a lost vote does no harm. */
    void took(boolean usedVector, long units, long nanos) {
        if (!usedVector) {
            scalarNanos.addAndGet(nanos);
            scalarUnits.addAndGet(units);
            return;
        }
        long spent = vectorNanos.addAndGet(nanos);
        int calls = vectorCalls.incrementAndGet();
        boolean faster = (double) nanos * scalarUnits.get() < (double) units * scalarNanos.get();
        int votes = faster ? convincing.incrementAndGet() : 0;
        if (!faster) {
            convincing.set(0);
        }
        if (votes >= CONVINCING) {
            decided = true;
        } else if (calls > MOST_CALLS || spent > MOST_NANOS) {
            startAgain();
        }
    }

    /** Forgets what calls took, so that the next tries come soon, and grants them less time. */
    private void startAgain() {
        share = LATER_SHARE;
        scalarNanos.set(0);
        scalarUnits.set(0);
        vectorCalls.set(0);
        vectorNanos.set(0);
    }
}
