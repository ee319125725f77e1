package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static dev.juggler.backend.cpusimd.lanes.Lanes.LENGTH;

import dev.juggler.backend.cpusimd.LaneKernels;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Sums across lanes, by the tree of LaneSums: halves are added until one number is left. Four rows
 * go together, so that each step but the last two fills its lanes.
 */
final class LaneTrees {
    /** Rows that are added up together. */
    static final int ROWS = 4;

    private static final int HALF = LENGTH / 2;
    private static final int QUARTER = LENGTH / 4;
    private static final VectorShuffle<Float> BY_HALF = turned(HALF);
    private static final VectorShuffle<Float> BY_QUARTER = turned(QUARTER);
    private static final VectorShuffle<Float> BY_TWO = turned(2);
    private static final VectorShuffle<Float> BY_ONE = turned(1);
    private static final VectorMask<Float> SECOND_HALF = second(HALF);
    private static final VectorMask<Float> SECOND_QUARTERS = second(QUARTER);

    private LaneTrees() {}

    /**
     * {@code lanes[to + r]} becomes the sum of the sixteen from {@code at + 16 · r}, for four rows.
     *
     * @param to at most {@code at}
     */
    static void addFour(float[] lanes, int at, int to) {
        FloatVector a = FloatVector.fromArray(FLOATS, lanes, at);
        FloatVector b = FloatVector.fromArray(FLOATS, lanes, at + LaneKernels.LANES);
        FloatVector c = FloatVector.fromArray(FLOATS, lanes, at + 2 * LaneKernels.LANES);
        FloatVector d = FloatVector.fromArray(FLOATS, lanes, at + 3 * LaneKernels.LANES);
        if (LENGTH == 8) {
            // A row is two vectors; their sum has the lanes that the first step leaves.
            a = a.add(FloatVector.fromArray(FLOATS, lanes, at + 8));
            b = b.add(FloatVector.fromArray(FLOATS, lanes, at + 24));
            c = c.add(FloatVector.fromArray(FLOATS, lanes, at + 40));
            d = d.add(FloatVector.fromArray(FLOATS, lanes, at + 56));
        }
        // The lower halves of two rows, and the upper ones.
        FloatVector ab =
                a.blend(b.rearrange(BY_HALF), SECOND_HALF)
                        .add(a.rearrange(BY_HALF).blend(b, SECOND_HALF));
        FloatVector cd =
                c.blend(d.rearrange(BY_HALF), SECOND_HALF)
                        .add(c.rearrange(BY_HALF).blend(d, SECOND_HALF));
        FloatVector sums =
                ab.blend(cd.rearrange(BY_QUARTER), SECOND_QUARTERS)
                        .add(ab.rearrange(BY_QUARTER).blend(cd, SECOND_QUARTERS));
        if (LENGTH == 16) {
            sums = sums.add(sums.rearrange(BY_TWO));
        }
        sums = sums.add(sums.rearrange(BY_ONE));
        sums.intoArray(lanes, to);
        float second = lanes[to + HALF];
        lanes[to + 2] = lanes[to + QUARTER];
        lanes[to + 1] = second;
        lanes[to + 3] = lanes[to + HALF + QUARTER];
    }

    /** Each group of {@code 2 · by} lanes with its halves exchanged. */
    private static VectorShuffle<Float> turned(int by) {
        return VectorShuffle.fromOp(FLOATS, lane -> by == 0 ? lane : lane ^ by);
    }

    /** The second half of each group of {@code 2 · by} lanes. */
    private static VectorMask<Float> second(int by) {
        long bits = 0;
        for (int lane = 0; lane < LENGTH; lane++) {
            if ((lane & by) != 0) {
                bits |= 1L << lane;
            }
        }
        return VectorMask.fromLong(FLOATS, bits);
    }
}
