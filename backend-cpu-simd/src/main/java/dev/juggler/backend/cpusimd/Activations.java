package dev.juggler.backend.cpusimd;

import dev.juggler.kernel.GatedActivation;

/** Gated activations as calls of the one loop that serves them. */
final class Activations {
    private Activations() {}

    /** In place in {@code gate}, from index 0; {@code count} is a whole number of lanes. */
    static void gate(
            LaneKernels loops, float[] gate, float[] up, int count, GatedActivation activation) {
        switch (activation.kind()) {
            case SWIGLU -> loops.gate(gate, 0, up, 0, count, 1f, Float.POSITIVE_INFINITY, 0f);
            case CLAMPED_SWIGLU ->
                    loops.gate(gate, 0, up, 0, count, activation.alpha(), activation.limit(), 1f);
        }
    }
}
