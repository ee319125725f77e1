package dev.juggler.inference;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request to continue a prompt, in no protocol's terms.
 *
 * @param model name of the model as the client gave it
 * @param prompt what to continue
 * @param sampling how tokens are chosen
 * @param maxTokens most tokens to generate, or null for as many as the context leaves
 * @param stop texts that end the answer; they are not part of it
 * @param ignoreEndOfText go on after the model ends its answer (benchmarks, comparisons)
 * @param topLogprobs how many alternatives to report with each token; null: no log probabilities
 * @param keepAlive how long the model stays loaded afterwards, or null as configured
 */
public record GenerationRequest(
        String model,
        Prompt prompt,
        Sampling sampling,
        @Nullable Integer maxTokens,
        List<String> stop,
        boolean ignoreEndOfText,
        @Nullable Integer topLogprobs,
        @Nullable Duration keepAlive) {
    public GenerationRequest {
        stop = List.copyOf(stop);
    }

    /** A request with default limits. */
    public static GenerationRequest of(String model, Prompt prompt, Sampling sampling) {
        return new GenerationRequest(model, prompt, sampling, null, List.of(), false, null, null);
    }
}
