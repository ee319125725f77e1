package dev.juggler.tck.simulated;

/**
 * The time of a simulated machine, in seconds since it was made: the host's, which goes on only
 * when the host computes or waits. Devices that compute by themselves have their own beside it. For
 * one thread.
 */
public final class SimulatedClock {
    private double now;

    /** The host's time. */
    public double seconds() {
        return now;
    }

    /** The host is busy for so long. */
    void spend(double seconds) {
        now += seconds;
    }

    /** The host waits until then, if that is not past. */
    void waitUntil(double seconds) {
        now = Math.max(now, seconds);
    }
}
