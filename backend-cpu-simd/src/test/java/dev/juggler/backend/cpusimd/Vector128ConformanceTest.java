package dev.juggler.backend.cpusimd;

/** The conformance kit on vector loops of 128 bits. */
class Vector128ConformanceTest extends VectorConformance {
    Vector128ConformanceTest() {
        super(128);
    }
}
