package dev.juggler.backend.cpusimd;

/** The conformance kit on the native kernels for AVX2. */
class Avx2ConformanceTest extends NativeConformance {
    Avx2ConformanceTest() {
        super("avx2", 2);
    }
}
