package dev.juggler.engine.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.juggler.backend.cpusimd.CpuSimdBackendProvider;
import dev.juggler.kernel.Backend;
import dev.juggler.kernel.BackendOptions;
import dev.juggler.kernel.DType;
import dev.juggler.kernel.HostBuffer;
import dev.juggler.kernel.ReferenceBackend;
import dev.juggler.kernel.RopePlan;
import dev.juggler.kernel.RopePlan.Pairing;
import dev.juggler.kernel.Tensor;
import dev.juggler.tck.Samples;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Rotations as far out as position 131,071, against plain arithmetic in double precision. */
class RopeScalingTest {
    private static final int[] POSITIONS = {0, 1, 2, 4095, 4096, 32_767, 65_536, 100_003, 131_071};
    private static final int WIDTH = 128;
    private static final double BASE = 500_000;

    private int cases;
    private double worst;

    /**
     * @param frequency radians a position of a pair, by the definition of the scaling
     */
    private void check(
            RopeScaling scaling,
            float @Nullable [] factors,
            double magnitude,
            IntToDoubleFunction frequency) {
        for (Pairing pairing : Pairing.values()) {
            RopePlan plan = scaling.plan(pairing, WIDTH, 0, WIDTH, BASE, factors);
            for (Backend backend :
                    List.of(
                            new ReferenceBackend(),
                            new CpuSimdBackendProvider().open(BackendOptions.of("cpu")))) {
                check(backend, plan, magnitude, frequency);
                backend.close();
            }
        }
    }

    private void check(
            Backend backend, RopePlan plan, double magnitude, IntToDoubleFunction frequency) {
        float[] x = Samples.normal(new Random(5), POSITIONS.length * WIDTH, 1);
        HostBuffer rows = HostBuffer.allocate(4L * x.length);
        rows.write(0, MemorySegment.ofArray(x));
        HostBuffer positions = HostBuffer.allocate(4L * POSITIONS.length);
        positions.write(0, MemorySegment.ofArray(POSITIONS));
        backend.kernels()
                .rope(
                        Tensor.of(DType.F32, POSITIONS.length, WIDTH, rows),
                        Tensor.of(DType.I32, 1, POSITIONS.length, positions),
                        plan);
        float[] rotated = rows.host().toArray(ValueLayout.JAVA_FLOAT);
        boolean halves = plan.pairing() == Pairing.HALVES;
        for (int row = 0; row < POSITIONS.length; row++) {
            for (int pair = 0; pair < WIDTH / 2; pair++) {
                int first = row * WIDTH + (halves ? pair : 2 * pair);
                int second = first + (halves ? WIDTH / 2 : 1);
                double angle = POSITIONS[row] * frequency.applyAsDouble(pair);
                double cosine = magnitude * Math.cos(angle);
                double sine = magnitude * Math.sin(angle);
                compare(x[first] * cosine - x[second] * sine, rotated[first]);
                compare(x[first] * sine + x[second] * cosine, rotated[second]);
            }
        }
        cases++;
    }

    private void compare(double expected, float actual) {
        worst = Math.max(worst, Math.abs(expected - actual));
    }

    private static double plain(int pair) {
        return 1 / Math.pow(BASE, 2.0 * pair / WIDTH);
    }

    @Test
    void farPositionsTurnAsFarAsTheyShould() {
        check(new RopeScaling.Linear(1), null, 1, RopeScalingTest::plain);
        check(new RopeScaling.Linear(8), null, 1, pair -> plain(pair) / 8);
        float[] factors = new float[WIDTH / 2];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = 1 + i / 9f;
        }
        check(new RopeScaling.Linear(1), factors, 1, pair -> plain(pair) / factors[pair]);
        double magnitude = 1 + 0.1 * Math.log(32);
        check(
                new RopeScaling.Yarn(32, 4096, 1, 32, 1, RopeScaling.Yarn.magnitude(32, 1)),
                null,
                magnitude,
                RopeScalingTest::yarn);
        System.out.printf(
                "rope: %d cases of %d positions, worst difference %.2g%n",
                cases, POSITIONS.length, worst);
        assertTrue(worst < 2e-6, "difference " + worst);
        assertEquals(16, cases);
    }

    /**
     * YaRN with factor 32 and 4096 positions in training: pairs of more than 32 turns there stay,
     * those of less than one are interpolated, between them (in whole pairs) it changes evenly.
     */
    private static double yarn(int pair) {
        double stays = Math.floor(pairOfTurns(32));
        double interpolated = Math.ceil(pairOfTurns(1));
        double share = Math.min(1, Math.max(0, (pair - stays) / (interpolated - stays)));
        return plain(pair) * (1 - share) + plain(pair) / 32 * share;
    }

    /** Where 4096 positions are {@code turns} full turns: 4096 · base^(-2i/width) = 2π · turns. */
    private static double pairOfTurns(double turns) {
        return WIDTH / 2.0 * Math.log(4096 / (2 * Math.PI * turns)) / Math.log(BASE);
    }
}
