package dev.juggler.launcher.bench;

import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.profile.Phase;
import dev.juggler.engine.profile.Profile;
import dev.juggler.engine.sampling.LogitRow;
import dev.juggler.engine.sampling.TokenSampler;
import dev.juggler.inference.Sampling;
import dev.juggler.kernel.DType;
import java.util.List;
import java.util.Map;

/**
 * Where the time of a test goes: the test once more with every operation timed, and with tokens
 * chosen from the logits.
 *
 * @param test {@code pp512}, {@code tg128}
 * @param tokens computed
 * @param phases sums over all tokens
 */
public record ProfiledRun(String test, int tokens, List<Profile.Total> phases) {
    private static final float TEMPERATURE = 0.8f;
    private static final float TOP_P = 0.95f;

    /**
     * Runs a test, after a {@link WarmUp}.
     *
     * @param rowsPerStep 1 to generate, more for a prompt
     */
    public static ProfiledRun of(
            String test, int[] tokens, PlacedModel placed, DType kvType, int rowsPerStep) {
        Profile profile = new Profile();
        int vocabulary = placed.model().vocabularySize();
        LogitRow row = new LogitRow(vocabulary);
        TokenSampler sampler =
                new TokenSampler(
                        new Sampling(TEMPERATURE, 0, TOP_P, 0f, 1f, 0f, 0f, 64, 1L, Map.of()),
                        vocabulary);
        SequenceRunner.Sink sink =
                (position, logits) -> {
                    long start = System.nanoTime();
                    row.load(logits);
                    sampler.choose(row, tokens, 0);
                    profile.add(Phase.SAMPLING, System.nanoTime() - start, 0, 0);
                };
        try (SequenceRunner runner =
                new SequenceRunner(
                        placed, kvType, tokens.length, rowsPerStep, 1, placed.profiled(profile))) {
            Runnable pass =
                    () -> {
                        runner.clear();
                        profile.clear();
                        if (rowsPerStep > 1) {
                            runner.run(tokens, false, sink);
                        } else {
                            for (int token : tokens) {
                                runner.run(new int[] {token}, false, sink);
                            }
                        }
                    };
            WarmUp.of(pass);
            pass.run();
        }
        return new ProfiledRun(test, tokens.length, profile.totals());
    }

    /** Nanoseconds of all phases. */
    long nanoseconds() {
        return phases.stream().mapToLong(Profile.Total::nanoseconds).sum();
    }
}
