package dev.juggler.backend.cpusimd;

/** Adds the partial sums of a dot product, always in the same order. */
final class LaneSums {
    private LaneSums() {}

    /** The sum of {@link LaneKernels#LANES} partial sums: halves are added until one is left. */
    static float of(float[] lanes, int at) {
        float s0 = lanes[at] + lanes[at + 8];
        float s1 = lanes[at + 1] + lanes[at + 9];
        float s2 = lanes[at + 2] + lanes[at + 10];
        float s3 = lanes[at + 3] + lanes[at + 11];
        float s4 = lanes[at + 4] + lanes[at + 12];
        float s5 = lanes[at + 5] + lanes[at + 13];
        float s6 = lanes[at + 6] + lanes[at + 14];
        float s7 = lanes[at + 7] + lanes[at + 15];
        return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7));
    }
}
