package dev.juggler.backend.cpusimd;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The loops for each vector width, loaded on first use and shared by all backends of the process:
 * they are code, and code that the compiler has made fast once should not be loaded again. They
 * hold no data but how far the compiler is.
 */
final class LaneKernelSets {
    private static final Map<Integer, LaneKernels> VECTOR = new ConcurrentHashMap<>();
    private static final Map<Integer, LaneKernels> ADAPTIVE = new ConcurrentHashMap<>();

    private LaneKernelSets() {}

    /** Vector loops from the first call on. */
    static LaneKernels vector(int bits) {
        return VECTOR.computeIfAbsent(bits, LaneCode::load);
    }

    /** Scalar loops until the vector loops are faster. */
    static LaneKernels adaptive(int bits) {
        return ADAPTIVE.computeIfAbsent(
                bits, b -> new AdaptiveKernels(new ScalarKernels(), vector(b)));
    }
}
