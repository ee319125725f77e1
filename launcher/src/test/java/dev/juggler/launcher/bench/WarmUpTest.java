package dev.juggler.launcher.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class WarmUpTest {
    private long now;
    private int runs;

    @Test
    void goesOnWhileRunsBecomeFaster() {
        assertEquals(4, runsThatTake(9_000, 4_000, 3_000, 2_900, 2_000));
    }

    @Test
    void aSecondRunTellsThatTheFirstWasFastEnough() {
        assertEquals(2, runsThatTake(1_000, 990, 500));
    }

    @Test
    void longRunsAreFew() {
        assertEquals(1, runsThatTake(40_000, 20_000, 10_000));
        assertEquals(2, runsThatTake(20_000, 15_000, 10_000));
    }

    @Test
    void endsWhereRunsNeverBecomeSteady() {
        long[] halves = LongStream.range(0, 100).map(i -> 1L << Math.max(0, 10 - i)).toArray();
        assertEquals(8, runsThatTake(halves));
    }

    /** How many runs there are, of which each takes so many milliseconds. */
    private int runsThatTake(long... milliseconds) {
        now = 0;
        runs = 0;
        WarmUp.of(() -> now += milliseconds[runs++] * 1_000_000, () -> now);
        return runs;
    }
}
