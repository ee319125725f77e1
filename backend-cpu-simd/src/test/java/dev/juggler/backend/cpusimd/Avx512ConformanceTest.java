package dev.juggler.backend.cpusimd;

/** The conformance kit on the native kernels for AVX-512. */
class Avx512ConformanceTest extends NativeConformance {
    Avx512ConformanceTest() {
        super("avx512", 2);
    }
}
