package dev.juggler.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** What the kit allows to few elements: enough for a correct kernel, and no more than that. */
class ToleranceTest {
    private static final int DRAWS = 100_000;
    private static final Tolerance TOLERANCE = new Tolerance(1, 0.012);

    @Test
    void correctKernelsRarelyFailHoweverFewTheElements() {
        for (int elements : new int[] {1, 2, 3, 5, 9, 17}) {
            double failed = failed(elements, 0.012 / 1.5);
            assertTrue(failed < 1 / 400.0, () -> elements + ": " + failed);
            assertTrue(failed > 1 / 3000.0, () -> elements + " are allowed too much: " + failed);
        }
    }

    @Test
    void kernelsOfTwiceTheErrorFailWhereThereAreSome() {
        for (int elements : new int[] {17, 33, 256}) {
            double failed = failed(elements, 0.024);
            assertTrue(failed > 0.99, () -> elements + ": " + failed);
        }
    }

    @Test
    void manyElementsAreHeldToTheLimitAsItStands() {
        assertEquals(0.012, TOLERANCE.rootMeanSquareOf(18), 1e-12);
        assertEquals(0.012, TOLERANCE.rootMeanSquareOf(4096), 0);
        assertTrue(TOLERANCE.rootMeanSquareOf(17) > 0.012);
        assertEquals(0, Tolerance.EXACT.rootMeanSquareOf(1), 0);
    }

    /** How many of many results are beyond the limit. */
    private static double failed(int elements, double deviation) {
        Random random = new Random(elements);
        int failed = 0;
        for (int draw = 0; draw < DRAWS; draw++) {
            double squares = 0;
            for (int i = 0; i < elements; i++) {
                double error = random.nextGaussian() * deviation;
                squares += error * error;
            }
            failed += Math.sqrt(squares / elements) > TOLERANCE.rootMeanSquareOf(elements) ? 1 : 0;
        }
        return (double) failed / DRAWS;
    }
}
