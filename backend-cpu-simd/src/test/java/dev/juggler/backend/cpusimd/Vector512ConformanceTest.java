package dev.juggler.backend.cpusimd;

/** The conformance kit on vector loops of 512 bits. */
class Vector512ConformanceTest extends VectorConformance {
    Vector512ConformanceTest() {
        super(512);
    }
}
