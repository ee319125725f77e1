package dev.juggler.engine.architecture;

/**
 * A family of models and what reads it.
 *
 * @param models which models belong to it, for people
 * @param limits what of it is refused or left out, for people
 */
public record Family(String models, String limits, Architecture architecture) {}
