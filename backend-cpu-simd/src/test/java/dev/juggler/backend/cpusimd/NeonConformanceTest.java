package dev.juggler.backend.cpusimd;

/** The conformance kit on the native kernels for NEON. */
class NeonConformanceTest extends NativeConformance {
    NeonConformanceTest() {
        super("neon", 2);
    }
}
