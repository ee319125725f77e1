package dev.juggler.launcher.command;

import dev.juggler.inference.Sampling;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How tokens are chosen, on the command line. What is not given is as the model is configured. */
final class SamplingOptions {
    @Option(names = "--greedy", description = "always the most probable token")
    private boolean greedy;

    @Option(names = "--temperature", paramLabel = "T", description = "0: greedy; higher: more random")
    private @Nullable Float temperature;

    @Option(names = "--top-k", paramLabel = "K", description = "only the K most probable tokens; 0: all")
    private @Nullable Integer topK;

    @Option(names = "--top-p", paramLabel = "P", description = "only the most probable that reach P")
    private @Nullable Float topP;

    @Option(names = "--min-p", paramLabel = "P", description = "only those at least P times the best")
    private @Nullable Float minP;

    @Option(names = "--repeat-penalty", paramLabel = "R", description = "1: none")
    private @Nullable Float repetitionPenalty;

    @Option(names = "--seed", paramLabel = "N", description = "same seed, same text")
    private @Nullable Long seed;

    /** The options put over a model's defaults. */
    Sampling over(Sampling defaults) {
        if (greedy) {
            return Sampling.GREEDY;
        }
        return new Sampling(
                temperature == null ? defaults.temperature() : temperature,
                topK == null ? defaults.topK() : topK,
                topP == null ? defaults.topP() : topP,
                minP == null ? defaults.minP() : minP,
                repetitionPenalty == null ? defaults.repetitionPenalty() : repetitionPenalty,
                defaults.presencePenalty(),
                defaults.frequencyPenalty(),
                defaults.penaltyWindow(),
                seed == null ? defaults.seed() : seed,
                Map.of());
    }
}
