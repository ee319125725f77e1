package dev.juggler.inference;

import java.time.Duration;

/**
 * What a generation cost.
 *
 * @param promptTokens tokens of the prompt
 * @param cachedTokens of these, how many were found in the cache
 * @param generatedTokens tokens generated, the one that ends the answer included
 * @param total from submission to the end
 * @param load waiting for the model to be loaded
 * @param queued waiting for a place
 * @param promptTime computing the prompt, up to the first token
 * @param generationTime from the first token to the last
 */
public record Usage(
        int promptTokens,
        int cachedTokens,
        int generatedTokens,
        Duration total,
        Duration load,
        Duration queued,
        Duration promptTime,
        Duration generationTime) {}
