package dev.juggler.launcher.command;

import dev.juggler.inference.Sampling;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How tokens are chosen, on the command line. */
final class SamplingOptions {
    private static final Sampling DEFAULTS =
            new Sampling(0.8f, 40, 0.9f, 0f, 1f, 0f, 0f, 64, null, Map.of());

    @Option(names = "--greedy", description = "always the most probable token")
    private boolean greedy;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "0: greedy; higher: more random (0.8)")
    private @Nullable Float temperature;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            description = "only the K most probable tokens; 0: all (40)")
    private @Nullable Integer topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description = "only the most probable that reach P (0.9)")
    private @Nullable Float topP;

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description = "only those at least P times the best")
    private @Nullable Float minP;

    @Option(names = "--repeat-penalty", paramLabel = "R", description = "1: none")
    private @Nullable Float repetitionPenalty;

    @Option(names = "--seed", paramLabel = "N", description = "same seed, same text")
    private @Nullable Long seed;

    /** The options put over the defaults. */
    Sampling sampling() {
        if (greedy) {
            return Sampling.GREEDY;
        }
        return new Sampling(
                temperature == null ? DEFAULTS.temperature() : temperature,
                topK == null ? DEFAULTS.topK() : topK,
                topP == null ? DEFAULTS.topP() : topP,
                minP == null ? DEFAULTS.minP() : minP,
                repetitionPenalty == null ? DEFAULTS.repetitionPenalty() : repetitionPenalty,
                DEFAULTS.presencePenalty(),
                DEFAULTS.frequencyPenalty(),
                DEFAULTS.penaltyWindow(),
                seed,
                Map.of());
    }
}
