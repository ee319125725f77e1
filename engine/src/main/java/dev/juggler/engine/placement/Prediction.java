package dev.juggler.engine.placement;

/**
 * How fast a placement could be, if moving bytes and multiplying are all that takes time: upper
 * limits, for one sequence.
 *
 * @param decodeTokensPerSecond generation at the start of a sequence
 * @param decodeTokensPerSecondAtFullContext generation at the end of the context, where the cache
 *     is read too
 * @param prefillTokensPerSecond reading a prompt, in steps as large as they may be
 * @param boundBy what takes the largest part of the time of generation at the start of a sequence:
 *     {@code cpu memory bandwidth}, {@code link}
 */
public record Prediction(
        double decodeTokensPerSecond,
        double decodeTokensPerSecondAtFullContext,
        double prefillTokensPerSecond,
        String boundBy) {}
