package dev.juggler.backend.cpusimd.lanes;

import static dev.juggler.backend.cpusimd.lanes.Lanes.FLOATS;
import static jdk.incubator.vector.VectorOperators.FMA;

import dev.juggler.backend.cpusimd.Exponential;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * {@link Exponential} on vectors, step by step the same. Without a helper of ours: one that is
 * compiled before this class is not inlined any more, and its vectors become objects.
 */
final class VectorExponential {
    private static final int EXPONENT_SHIFT = 23;
    private static final int ONE_BITS = 0x3F800000;

    private VectorExponential() {}

    static FloatVector of(FloatVector x) {
        FloatVector bounded = x.max(Exponential.LEAST).min(Exponential.MOST);
        FloatVector rounded = bounded.fma(Exponential.LOG2_E, Exponential.ROUNDER);
        FloatVector n = rounded.sub(Exponential.ROUNDER);
        FloatVector high = FloatVector.broadcast(FLOATS, -Exponential.LN2_HIGH);
        FloatVector low = FloatVector.broadcast(FLOATS, -Exponential.LN2_LOW);
        FloatVector r = n.fma(low, n.fma(high, bounded));
        FloatVector p = r.fma(Exponential.C7, Exponential.C6);
        p = p.lanewise(FMA, r, Exponential.C5);
        p = p.lanewise(FMA, r, Exponential.C4);
        p = p.lanewise(FMA, r, Exponential.C3);
        p = p.lanewise(FMA, r, Exponential.C2);
        p = p.lanewise(FMA, r, 1f);
        p = p.lanewise(FMA, r, 1f);
        FloatVector power =
                rounded.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHL, EXPONENT_SHIFT)
                        .add(ONE_BITS)
                        .reinterpretAsFloats();
        return p.mul(power)
                .blend(0f, x.compare(VectorOperators.LT, Exponential.LEAST))
                .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, Exponential.MOST));
    }
}
