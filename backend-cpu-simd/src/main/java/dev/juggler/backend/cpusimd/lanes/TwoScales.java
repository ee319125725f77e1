package dev.juggler.backend.cpusimd.lanes;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Where half of a block of 256 has eight scales in as many lanes: they copy the two of each of its
 * four runs to the lanes of the run's first 16 columns and of its last.
 */
final class TwoScales {
    static final VectorShuffle<Integer> RUN_0 = ofRun(0);
    static final VectorShuffle<Integer> RUN_1 = ofRun(1);
    static final VectorShuffle<Integer> RUN_2 = ofRun(2);
    static final VectorShuffle<Integer> RUN_3 = ofRun(3);

    private TwoScales() {}

    private static VectorShuffle<Integer> ofRun(int run) {
        return VectorShuffle.fromOp(IntVector.SPECIES_256, lane -> 2 * run + lane / 4);
    }
}
