package dev.juggler.engine.model;

/**
 * What one layer stores for one position.
 *
 * @param keyWidth elements of all its keys
 * @param valueWidth elements of all its values; 0 where values are a part of the keys (latent
 *     attention)
 * @param window positions that a row sees, its own included; 0: all
 */
public record KvLayerShape(int keyWidth, int valueWidth, int window) {}
