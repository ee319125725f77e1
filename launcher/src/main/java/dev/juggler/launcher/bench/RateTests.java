package dev.juggler.launcher.bench;

import dev.juggler.engine.device.PlacedModel;
import dev.juggler.engine.device.SequenceRunner;
import dev.juggler.engine.device.SequencesRunner;
import dev.juggler.kernel.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * The tests of {@code juggler bench}, each repeated after a {@link WarmUp}.
 *
 * @param placed the model
 * @param kvType how keys and values are stored
 * @param stepRows most tokens of a prompt in a step
 * @param repetitions of each test
 * @param counted called after the warm-up and each run
 */
public record RateTests(
        PlacedModel placed, DType kvType, int stepRows, int repetitions, Runnable counted) {

    /** {@code ppN}: a prompt of {@code length} tokens, the logits of the last. */
    public Measurement prompt(int length) {
        int[] tokens = tokens(length, 0);
        try (SequenceRunner runner =
                new SequenceRunner(
                        placed, kvType, length, Math.min(length, stepRows), 1, placed.kernels())) {
            return repeat(
                    "pp" + length,
                    length,
                    () -> {
                        runner.clear();
                        runner.run(tokens, false, (position, logits) -> {});
                    });
        }
    }

    /**
     * {@code tgN}: {@code length} tokens from an empty cache, one at a time; {@code tgNxP} of
     * {@code parallel} sequences side by side, all their tokens counted.
     */
    public Measurement generation(int length, int parallel) {
        int[][] tokens = new int[length][parallel];
        for (int sequence = 0; sequence < parallel; sequence++) {
            int[] own = tokens(length, sequence);
            for (int i = 0; i < length; i++) {
                tokens[i][sequence] = own[i];
            }
        }
        try (SequencesRunner runner = new SequencesRunner(placed, kvType, parallel, length)) {
            return repeat(
                    "tg" + length + (parallel > 1 ? "x" + parallel : ""),
                    length * parallel,
                    () -> {
                        runner.clear();
                        for (int[] step : tokens) {
                            runner.step(step);
                        }
                    });
        }
    }

    /** The tokens of a profiled run: those of the first sequence. */
    public int[] tokens(int count) {
        return tokens(count, 0);
    }

    private Measurement repeat(String test, int tokens, Runnable run) {
        WarmUp.of(run);
        counted.run();
        List<Double> seconds = new ArrayList<>();
        for (int i = 0; i < repetitions; i++) {
            long start = System.nanoTime();
            run.run();
            seconds.add((System.nanoTime() - start) / 1e9);
            counted.run();
        }
        return Measurement.of(test, tokens, seconds);
    }

    /** Tokens spread over the vocabulary, always the same, others for each sequence. */
    private int[] tokens(int count, int sequence) {
        int vocabulary = placed.model().vocabularySize();
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++) {
            tokens[i] = (int) ((i * 7919L + 13 + sequence * 104_729L) % vocabulary);
        }
        return tokens;
    }
}
