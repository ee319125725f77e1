package dev.juggler.engine.scheduler;

import dev.juggler.engine.sampling.TokenSampler;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * How a sequence is to be continued.
 *
 * @param maxTokens most tokens to generate, or null for as many as the context leaves
 * @param sampler chooses its tokens; used by the engine thread alone
 * @param endsText tokens that end the text
 * @param topLogprobs alternatives to report with each token, or null for no log probabilities
 */
public record SequenceOptions(
        @Nullable Integer maxTokens,
        TokenSampler sampler,
        IntPredicate endsText,
        @Nullable Integer topLogprobs) {}
