package dev.juggler.engine.architecture;

import org.jspecify.annotations.Nullable;

/** Where random tests begin: our builds repeat the same cases, elsewhere each run draws others. */
final class TestSeed {
    private static final String PROPERTY = "juggler.tck.seed";

    private TestSeed() {}

    /** The seed of this run, printed so that a failure can be repeated. */
    static long of(String test) {
        @Nullable String fixed = System.getProperty(PROPERTY);
        long seed = fixed == null ? System.nanoTime() : Long.parseLong(fixed);
        System.out.printf("%s: seed %d, -D%s=%d repeats it%n", test, seed, PROPERTY, seed);
        return seed;
    }
}
