package dev.juggler.backend.cpusimd;

/** The conformance kit on vector loops of 256 bits. */
class Vector256ConformanceTest extends VectorConformance {
    Vector256ConformanceTest() {
        super(256);
    }
}
