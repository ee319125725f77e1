package dev.juggler.engine.architecture;

import dev.juggler.engine.model.Model;

/** A model family: how its files are read and how it is run. */
@FunctionalInterface
public interface Architecture {
    /**
     * Reads the configuration, takes the weights, and puts the blocks together.
     *
     * @throws dev.juggler.engine.model.ModelException if the file does not hold such a model, or
     *     one with a feature that is not supported
     */
    Model load(ModelKeys keys, WeightSource weights);
}
