package dev.juggler.engine.scheduler;

import dev.juggler.engine.sampling.TokenLogprobs;
import org.jspecify.annotations.Nullable;

/**
 * A token that was generated.
 *
 * @param logprobs its log probabilities, if they were asked for
 */
public record SampledToken(int id, @Nullable TokenLogprobs logprobs) {}
