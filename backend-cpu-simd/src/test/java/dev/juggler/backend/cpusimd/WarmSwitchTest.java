package dev.juggler.backend.cpusimd;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The choice between plain loops and vectors, with a clock that the test turns. */
class WarmSwitchTest {
    private static final long UNITS = 100;
    private static final long SCALAR_NANOS = 10_000;

    private final WarmSwitch speed = new WarmSwitch();
    private long scalar;
    private long vector;

    @Test
    void vectorsGetAShareUntilTheyAreCompiledAndThenAll() {
        work(1_000_000_000L, 1_000_000);

        assertFalse(speed.isDecided());
        assertTrue(
                vector > scalar / 4 && vector <= scalar / 3 + 1_000_000,
                () -> vector + " of " + scalar);

        work(20_000_000, SCALAR_NANOS / 5);

        assertTrue(speed.isDecided());
        assertTrue(speed.useVector());
    }

    @Test
    void aCompilerThatComesLateStillCounts() {
        work(60_000_000_000L, 1_000_000);

        assertFalse(speed.isDecided());
        assertTrue(vector < 6_000_000_000L, () -> "time given to vectors: " + vector);

        work(5_000_000_000L, SCALAR_NANOS / 5);

        assertTrue(speed.isDecided());
        assertTrue(speed.useVector());
    }

    @Test
    void vectorsThatAreNeverFasterCostNextToNothing() {
        work(300_000_000_000L, SCALAR_NANOS * 2);

        assertFalse(speed.isDecided());
        assertTrue((double) vector / scalar < 0.05, () -> vector + " of " + scalar);
    }

    /** Lets calls take so much time in all; the vector form takes so much each. */
    private void work(long nanos, long vectorNanos) {
        for (long spent = 0; spent < nanos && !speed.isDecided(); ) {
            boolean useVector = speed.useVector();
            long took = useVector ? vectorNanos : SCALAR_NANOS;
            speed.took(useVector, UNITS, took);
            spent += took;
            if (useVector) {
                vector += took;
            } else {
                scalar += took;
            }
        }
    }
}
