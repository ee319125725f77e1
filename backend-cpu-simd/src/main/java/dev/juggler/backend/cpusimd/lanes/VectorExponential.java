package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;

import dev.juggler.backend.cpusimd.Exponential;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** {@link Exponential} on vectors, step by step the same. */
final class VectorExponential {
    private static final int EXPONENT_SHIFT = 23;
    private static final int ONE_BITS = 0x3F800000;

    private VectorExponential() {}

    static FloatVector of(FloatVector x) {
        FloatVector bounded = x.max(Exponential.LEAST).min(Exponential.MOST);
        FloatVector rounded = bounded.fma(all(Exponential.LOG2_E), all(Exponential.ROUNDER));
        FloatVector n = rounded.sub(Exponential.ROUNDER);
        FloatVector r =
                n.fma(all(-Exponential.LN2_LOW), n.fma(all(-Exponential.LN2_HIGH), bounded));
        FloatVector p = r.fma(all(Exponential.C7), all(Exponential.C6));
        p = p.fma(r, all(Exponential.C5));
        p = p.fma(r, all(Exponential.C4));
        p = p.fma(r, all(Exponential.C3));
        p = p.fma(r, all(Exponential.C2));
        p = p.fma(r, all(1f));
        p = p.fma(r, all(1f));
        FloatVector power =
                rounded.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHL, EXPONENT_SHIFT)
                        .add(ONE_BITS)
                        .reinterpretAsFloats();
        return p.mul(power)
                .blend(0f, x.compare(VectorOperators.LT, Exponential.LEAST))
                .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, Exponential.MOST));
    }

    private static FloatVector all(float value) {
        return FloatVector.broadcast(FLOATS, value);
    }
}
